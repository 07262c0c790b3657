"""All tables, as the models declare them."""

from truestyle.contact.models import Messages
from truestyle.kit.tables import Base
from truestyle.logs.models import Logs

TABLES = (Messages, Logs)  # imported so that they are in the metadata
METADATA = Base.metadata
