"""Card numbers locked with CARD_ENC_KEY: Fernet, a list of keys, newest first. Without one no number is kept."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Vault:
    """Locks numbers; nothing of the store opens them again but to lock them under a newer key."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(one) for one in keys]) if keys else None

    def lock(self, number: str) -> bytes | None:
        """The locked number, or None where numbers are not kept."""
        return self._fernet.encrypt(number.encode()) if self._fernet else None

    def renew(self, locked: bytes | None) -> bytes | None:
        """The same number under the newest key; what no listed key opens is dropped."""
        if self._fernet is None or locked is None:
            return None
        try:
            return self._fernet.rotate(locked)
        except InvalidToken:
            return None
