"""The mails of accounts."""

from typing import Any

from truestyle.auth.models import Purpose
from truestyle.mail.service import letter
from truestyle.store import Store

CODE_ASKED = "auth.code_asked"  # handled by `mailed.send_code`
CODE = {
    Purpose.VERIFY: "verify_email",
    Purpose.RESET: "reset_password",
    Purpose.CHANGE_EMAIL: "confirm_new_email",
}
PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of mail
EMAIL_CHANGING, EMAIL_CHANGED = "email_changing", "email_changed"
MFA_ENABLED, MFA_DISABLED = "mfa_enabled", "mfa_disabled"
RECOVERY_CODE_USED, MFA_GUESSED = "recovery_code_used", "mfa_guessed"
GOOGLE_LINKED = "google_linked"
NEW_DEVICE, REFRESH_REUSED = "new_device", "refresh_reused"


async def write(tx: Store, kind: str, to: str, facts: dict[str, Any]) -> None:
    """Have a mail sent after the commit."""
    await tx.outbox.write([letter(kind, to, facts)])
