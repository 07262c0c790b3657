"""Who may watch a job."""

from typing import Any

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission


def visible(caller: Caller) -> dict[str, Any]:
    """The filter for jobs that the caller may see: staff all, others their own."""
    return {} if caller.may(Permission.PRODUCTS_ANY) else {"owner_id": caller.user_id}
