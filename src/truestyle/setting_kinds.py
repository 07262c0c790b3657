"""What the groups of settings are made of."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

KNOWN_SERVERS: Mapping[str, Mapping[str, Any]] = {
    "gmail": {"mail_backend": "smtp", "mail_server": "smtp.gmail.com", "mail_port": 587, "mail_starttls": True},
    "mailpit": {"mail_backend": "smtp", "mail_server": "localhost", "mail_port": 1025, "use_credentials": False},
}


def comma_separated(value: object) -> object:
    """What stands between commas, if it is text."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Listed = Annotated[list[str], BeforeValidator(comma_separated)]


def rotating(secret: SecretStr) -> list[str]:
    """The values of a secret that can be replaced without a break: newest first, separated by commas."""
    return [part.strip() for part in secret.get_secret_value().split(",") if part.strip()]


class Group(BaseModel):
    """Some settings that belong together. An empty value in the environment counts as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)
