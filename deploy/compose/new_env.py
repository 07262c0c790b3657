"""Random secrets for compose.yaml: `python3 deploy/compose/new_env.py > deploy/compose/.env`. Keep that file."""

import base64
import secrets

RANDOM = (
    *("JWT_ACCESS_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET", "TOKEN_HASH_PEPPER", "BACKUP_ENC_KEY"),
    *("SEED_ADMIN_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)


def main() -> None:
    """Print a line for each."""
    for name in RANDOM:
        print(f"{name}={secrets.token_urlsafe(48)}")
    print(f"POSTGRES_PASSWORD={secrets.token_hex(24)}")  # part of an address, so without signs
    print(f"CARD_ENC_KEY={base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}")


if __name__ == "__main__":
    main()
