"""What the doctor says of settings: each fault is planted, and its sentence read."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.test_reference import GOOD
from truestyle.doctor import choices, machine, names
from truestyle.doctor.models import Finding, Verdict
from truestyle.settings import Settings

FIT: dict[str, Any] = {
    **GOOD,
    "backend_base_url": "https://api.example.com",
    "frontend_url": "https://shop.example.com",
    "cors_origins": "https://shop.example.com",
    "trusted_proxies": "10.0.0.0/8",
    "mfa_required_for_admins": "true",
    "mail_backend": "smtp",
    "mail_server": "smtp.example.com",
    "mail_port": "587",
    "mail_starttls": "true",
    "mail_from": "store@example.com",
    "alert_email": "owner@example.com",
    "postgresql_uri": "postgresql://store:a-password@db.example.com:5432/store",
    "redis_host": "redis://cache.example.com:6379/0",
}


def looked(**change: Any) -> list[Finding]:
    settings = Settings.load(environ={}, **{**FIT, **change})
    return list(choices.look(settings, brings_own=settings.data.mongo_uri is None))


def test_good_settings_are_found_good() -> None:
    [only] = looked(mongo_uri="mongodb://store:no-Such-password@db1,db2/?replicaSet=rs0")
    assert (only.verdict, only.says) == (Verdict.GOOD, "The settings are fit for production.")


WRONG = [
    ({"jwt_access_token_secret": "short"}, "JWT_ACCESS_TOKEN_SECRET must be set to at least 32 random characters."),
    ({"token_hash_pepper": "change_me_change_me_change_me_0123456789"}, "TOKEN_HASH_PEPPER looks like a placeholder"),
    ({"refresh_cookie_secure": "false"}, "REFRESH_COOKIE_SECURE must be true in production."),
    ({"refresh_cookie_samesite": "none", "refresh_cookie_secure": "false"}, "REFRESH_COOKIE_SAMESITE=none needs"),
    ({"mongo_uri": None}, "MONGO_URI must name a MongoDB replica set."),
    ({"mongo_uri": "mongodb://store:<password>@db/?replicaSet=rs0"}, "MONGO_URI still has a placeholder"),
    ({"mongo_uri": "mongodb://store:password@db/?replicaSet=rs0"}, "MONGO_URI still has a placeholder"),
    ({"mongo_uri": "mongodb://store:p@ss@db/?replicaSet=rs0"}, "MONGO_URI cannot be read"),
    ({"mongo_uri": "mongodb://db/?replicaSet=rs0&readPreference=secondary"}, "MONGO_URI has a readPreference"),
    ({"backend_base_url": "api.example.com"}, "BACKEND_BASE_URL must be an address like"),
    ({"backend_base_url": "https://api.example.com/api/v1/"}, "BACKEND_BASE_URL ends in /api/v1"),
    ({"backend_base_url": "http://localhost:8000"}, "BACKEND_BASE_URL names this machine"),
    ({"backend_base_url": "http://api.example.com"}, "BACKEND_BASE_URL begins with http://"),
    ({"frontend_url": "shop.example.com"}, "FRONTEND_URL must be an address like"),
    ({"frontend_url": "http://shop.example.com"}, "FRONTEND_URL must be the shop's public https:// address"),
    ({"cors_origins": "http://shop.example.com"}, "CORS_ORIGINS has http://shop.example.com"),
    ({"cors_origins": "*"}, "CORS_ORIGINS must name the origins"),
    ({"rate_limit_enabled": "false"}, "RATE_LIMIT_ENABLED is false in production"),
    ({"postgresql_uri": "mysql://store@db/store"}, "POSTGRESQL_URI cannot be used"),
    ({"postgresql_uri": "store at db"}, "POSTGRESQL_URI cannot be used"),
    ({"redis_host": "http://cache:6379"}, "REDIS_HOST cannot be read"),
    ({"mail_backend": "console"}, "MAIL_BACKEND is console"),
    ({"mail_port": "465"}, "MAIL_PORT 465 speaks TLS from the first byte"),
    ({"mail_starttls": "false", "mail_ssl_tls": "true"}, "MAIL_PORT 587 begins in clear"),
    ({"mail_starttls": "false", "mail_username": "store"}, "MAIL_PASSWORD would be sent in clear"),
    ({"validate_certs": "false"}, "VALIDATE_CERTS is false"),
    ({"mail_from": "store@localhost"}, "MAIL_FROM is store@localhost"),
    ({"store_state": "Atlantis"}, "STORE_STATE Atlantis is no state of India"),
    ({"store_timezone": "Asia/Atlantis"}, "STORE_TIMEZONE Asia/Atlantis is unknown"),
    ({"stripe_secret_key": "sk_live_abcdefgh"}, "STRIPE_PUBLISHABLE_KEY must be set"),
]
NOTED = [
    ({"trusted_proxies": ""}, "TRUSTED_PROXIES is empty"),
    ({"cors_origins": ""}, "CORS_ORIGINS is empty"),
    ({"mfa_required_for_admins": "false"}, "MFA_REQUIRED_FOR_ADMINS is false"),
    ({"seed_admin_password": "a-Fine-1-indeed"}, "SEED_ADMIN_PASSWORD is still set"),
    ({"postgresql_uri": None}, "POSTGRESQL_URI is unset"),
    ({"mongo_uri": "mongodb://db1,db2"}, "MONGO_URI names no replicaSet"),
    ({"mongo_uri": "mongodb://db/?replicaSet=rs0&w=1"}, "MONGO_URI has a write concern, which does nothing here"),
    ({"mongo_uri": "mongodb://db/shop?replicaSet=rs0"}, "MONGO_URI names a database, and MONGO_DB another one"),
    ({"alert_email": None}, "ALERT_EMAIL is unset"),
    ({"backup_s3_bucket": "backups"}, "BACKUP_ENC_KEY is unset"),
]


def named(case: Any) -> str:
    return " ".join(case) if isinstance(case, dict) else str(case)[:40]


@pytest.mark.parametrize(("change", "says"), WRONG, ids=named)
def test_a_wrong_setting_is_named_with_its_cure(change: dict[str, Any], says: str) -> None:
    found = [one.says for one in looked(**change) if one.verdict is Verdict.WRONG]
    assert [one for one in found if one.startswith(says)], found
    secrets = [str(value) for name, value in change.items() if "secret" in name or "pepper" in name]
    assert [one for one in secrets if one in str(found)] == []


@pytest.mark.parametrize(("change", "says"), NOTED, ids=named)
def test_what_is_worth_a_thought_makes_no_store_ill(change: dict[str, Any], says: str) -> None:
    found = looked(**change)
    assert [one for one in found if one.verdict is Verdict.NOTE and one.says.startswith(says)], found
    assert [one for one in found if one.verdict is Verdict.WRONG] == []


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"MONGO_URL": "x"}, "MONGO_URL in the environment is no setting and does nothing: write MONGO_URI"),
        ({"JWT_ACCES_TOKEN_SECRET": "x"}, "write JWT_ACCESS_TOKEN_SECRET"),
        ({"TRUESTYLE_COLOUR": "x"}, "TRUESTYLE_COLOUR in the environment is no setting of this store"),
        ({"SECRET_KEY": "x"}, "SECRET_KEY is read as JWT_ACCESS_TOKEN_SECRET: that works"),
        ({"POSTGRESQL_URI": "x", "DATABASE_URL": "y"}, "POSTGRESQL_URI and DATABASE_URL mean the same and differ"),
    ],
)
def test_names_are_read(environ: dict[str, str], says: str) -> None:
    [only] = names.look(environ, {})
    assert says in only.says


def test_of_a_file_every_name_should_be_ours_and_of_the_environment_most_are_not() -> None:
    assert [one.says for one in names.look({}, {"COLOUR": "x"})] == [
        "COLOUR in .env is no setting of this store and does nothing: remove it."
    ]
    assert list(names.look({"COLOUR": "x", "PATH": "/bin", "HOME": "/", "LANG": "C", "MAIL": "x"}, {})) == []


def test_both_names_with_one_value_are_no_fault() -> None:
    assert list(names.look({"POSTGRESQL_URI": "x", "DATABASE_URL": "x"}, {})) == []


def on_disk(folder: Path, **more: Any) -> list[Finding]:
    values = {"truestyle_data": folder / "data", "backup_base_path": folder / "backups", **more}
    return list(machine.look(Settings.load(environ={}, **values), brings_own=False))


def test_folders_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {one.part for one in on_disk(tmp_path)} == {"disk"}
    (tmp_path / "backups").write_text("a file")
    assert "BACKUP_BASE_PATH is in backups, which is a file: name a folder." in [one.says for one in on_disk(tmp_path)]
    monkeypatch.setattr(machine, "TIGHT", 1 << 60)
    assert [one.says for one in on_disk(tmp_path) if one.says.startswith("Only ") and "make room" in one.says]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    assert "TRUESTYLE_DATA cannot be written by this user" in str(on_disk(tmp_path))


def test_without_a_mongod_the_ways_out_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUESTYLE_MONGOD", "/nowhere/mongod")
    settings = Settings.load(environ={}, truestyle_data=tmp_path)
    [found] = [one for one in machine.look(settings, brings_own=True) if one.part == "mongod"]
    assert found.verdict is Verdict.WRONG
    assert "set TRUESTYLE_MONGOD" in found.says


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "truestyle.cli.app", "doctor", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "300", **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_settings_that_cannot_be_read_end_it_with_a_sentence(tmp_path: Path) -> None:
    done = run(
        tmp_path, MONGO_URI="mongodb://nobody", ACCESS_TOKEN_EXPIRE_MINUTES="soon", CARD_ENC_KEY="planted-secret"
    )
    assert done.returncode == 1, done.stderr
    assert "ACCESS_TOKEN_EXPIRE_MINUTES: " in done.stdout
    assert "CARD_ENC_KEY: " in done.stdout
    assert "planted-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
