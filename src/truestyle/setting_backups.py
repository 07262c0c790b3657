"""The settings of backups."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from truestyle.setting_kinds import Group, rotating

WEAKEST_KEY = 32  # characters


class BackupSettings(Group):
    """Backups: where they are kept, for how long, and under which key."""

    backup_base_path: Path = Field(Path("backups"), description="Folder in which backups are kept.")
    backup_enc_key: SecretStr = Field(
        SecretStr(""),
        description="Encrypts backups; at least 32 characters; may be a list, newest first. Unset: none is.",
    )
    backup_s3_bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="Bucket for a copy of each backup, under `backups/`; reached like that of `s3`.",
    )
    backup_keep_last: int = Field(7, ge=1, le=1000, description="So many good full backups are kept, however old.")
    backup_keep_days: int = Field(30, ge=1, le=3650, description="Days that every backup and its row are kept.")

    @field_validator("backup_enc_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if any(len(one) < WEAKEST_KEY for one in rotating(value)):
            raise ValueError(f"must have at least {WEAKEST_KEY} characters")
        return value
