"""What a store refuses to start with: by the name of the setting, and never with its value. By the real commands."""

import base64
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import free_port
from tests.test_reference import GOOD
from truestyle.settings import Settings, SettingsRefusedError

SHORT, PLACEHOLDER = "Zq7!short-of-32-by-far", "change_me_change_me_change_me_0123456789"
# Everything that production must not have, at once; each must be named.
WRONG = {
    "JWT_ACCESS_TOKEN_SECRET": SHORT,
    "JWT_REFRESH_TOKEN_SECRET": PLACEHOLDER,
    "TOKEN_HASH_PEPPER": f"{GOOD['token_hash_pepper']},{SHORT}x",
    "REFRESH_COOKIE_SECURE": "false",
    "REFRESH_COOKIE_PATH": "/api/v1/auth-path",
    "CORS_ORIGINS": "https://shop.example, *",
    "MAIL_PAGE": "true",
    "DEBUG": "true",
}
SECRETS = (SHORT, PLACEHOLDER, GOOD["token_hash_pepper"], "/api/v1/auth-path", "https://shop.example")


def started(folder: Path, command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """A process of ours that ends by itself."""
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", *command],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "300", **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def refuses(done: subprocess.CompletedProcess[str], *names: str) -> None:
    told = done.stdout + done.stderr
    assert done.returncode != 0, told
    assert [name for name in names if name not in told] == [], told
    assert [one for one in SECRETS if one in told] == []


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_production_names_everything_that_is_unsafe_and_no_value(tmp_path: Path, command: str) -> None:
    env = {**WRONG, "ENVIRONMENT": "production"}
    done = started(tmp_path, ["truestyle.cli.app", command], **env)
    refuses(done, *WRONG, "MONGO_URI")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("secrets", ["none", "equal"])
def test_serve_is_production_unless_told_otherwise(tmp_path: Path, secrets: str) -> None:
    one = GOOD["jwt_access_token_secret"]
    names = ("JWT_ACCESS_TOKEN_SECRET", "JWT_REFRESH_TOKEN_SECRET", "TOKEN_HASH_PEPPER")
    env = dict.fromkeys(names, one) if secrets == "equal" else {}
    done = started(tmp_path, ["truestyle.cli.app", "serve"], **env)
    refuses(done, *names, "REFRESH_COOKIE_SECURE", "MONGO_URI")
    assert one not in done.stderr
    assert ("must all differ" in done.stderr) == (secrets == "equal")


def test_dev_is_not_for_production(tmp_path: Path) -> None:
    command = ["truestyle.cli.app", "dev", "--port", str(free_port()), "--data", str(tmp_path / "store")]
    done = started(tmp_path, command, ENVIRONMENT="production")
    refuses(done, "MAIL_PAGE", "REFRESH_COOKIE_SECURE")
    assert "Traceback" not in done.stderr


def test_a_worker_process_of_another_server_refuses_the_same(tmp_path: Path) -> None:
    env = {**WRONG, "ENVIRONMENT": "production", "MONGO_URI": "mongodb://127.0.0.1:9/?replicaSet=rs0"}
    command = ["uvicorn", "--factory", "truestyle.main:from_environment", "--port", str(free_port())]
    refuses(started(tmp_path, command, **env), *WRONG)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        " , ",
        "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4",  # one character too few
        "a" * 64,
        "abab" * 16,
        "0123456789" * 4,
        "12345678901234567890123456789012",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "k2JH7f0PqYw9k2JH7f0PqYw9k2JH7f0PqYw9",
        "zyxwvutsrqponmlkjihgfedcba9876543210",
        "super-secret-jwt-key-Zr3tVb8Nc5Xd1Lm6",
        "your_random_pepper_Zr3tVb8Nc5Xd1Lm6Sg",
        "some_random_k2JH7f0PqYw9Zr3tVb8Nc5Xd",
        "password-k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm",
        "Change.This.k2JH7f0PqYw9Zr3tVb8Nc5Xd",
        f"{GOOD['jwt_access_token_secret']},",  # fine: an empty place in a list is none
    ],
)
@pytest.mark.parametrize("name", ["jwt_access_token_secret", "jwt_refresh_token_secret", "token_hash_pepper"])
def test_a_weak_secret_is_refused(name: str, secret: str) -> None:
    settings = Settings.load(environ={}, **{**GOOD, name: secret})
    if secret.startswith(GOOD["jwt_access_token_secret"]) and name == "jwt_access_token_secret":
        settings.require_safe()
        return
    with pytest.raises(SettingsRefusedError) as refused:
        settings.require_safe()
    assert name.upper() in str(refused.value)
    assert not secret.strip(", ") or secret not in str(refused.value)


@pytest.mark.parametrize("length", [16, 24, 32, 48])
def test_random_secrets_of_every_usual_kind_are_taken(length: int) -> None:
    """As `openssl rand -hex` and `-base64` and `secrets.token_urlsafe` make them, many times over."""
    draw, refused = random.Random(length), []  # noqa: S311 - the same ones each time
    for _ in range(300):
        few, many = draw.randbytes(length), draw.randbytes(max(length, 24))
        for one in (few.hex(), base64.b64encode(many).decode(), base64.urlsafe_b64encode(many).decode().rstrip("=")):
            try:
                Settings.load(environ={}, **{**GOOD, "token_hash_pepper": one}).require_safe()
            except SettingsRefusedError:
                refused.append(one)
    assert len(refused) <= 1, refused  # a word like `test` can turn up by chance
