"""What is written from the code agrees with the code."""

from pathlib import Path
from typing import Any

import pytest
from scripts import reference as pages
from scripts import site

from truestyle.cli import reference
from truestyle.setting_groups import GROUPS
from truestyle.settings import Settings, SettingsRefusedError

ROOT = Path(__file__).parents[1]
GOOD: dict[str, Any] = {
    "mongo_uri": "mongodb://db/?replicaSet=rs0",
    "jwt_access_token_secret": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-a",
    "jwt_refresh_token_secret": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-b",
    "token_hash_pepper": "k2JH7f0PqYw9Zr3tVb8Nc5Xd1Lm6Sg4A-c",
    "environment": "production",
    "refresh_cookie_secure": "true",
}


def test_the_env_example_and_the_settings_page_are_written_from_the_settings() -> None:
    assert (ROOT / reference.ENV_FILE).read_text() == reference.env_example(), "run `make reference`"
    assert (ROOT / reference.PAGE).read_text() == reference.settings_page(), "run `make reference`"


def test_the_page_of_metrics_is_written_from_their_declarations() -> None:
    assert (ROOT / reference.METRICS).read_text() == reference.metrics_page(), "run `make reference`"


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_of_the_reference_is_written_from_the_code(page: str) -> None:
    assert (ROOT / pages.FOLDER / page).read_text() == pages.PAGES[page](), "run `make reference`"


def test_the_site_has_every_page_once() -> None:
    sections = [one for entry in site.navigation() for one in entry.values()]
    shown = [one for section in sections for one in ([section] if isinstance(section, str) else map(leaf, section))]
    there = [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in site.TOP if not name.startswith("docs/"))]
    assert sorted(shown) == sorted(site.place(page).as_posix() for page in there)


def leaf(entry: dict[str, str]) -> str:
    (path,) = entry.values()
    return path


def test_every_setting_is_described() -> None:
    assert [name for group in GROUPS for name, info in group.model_fields.items() if not info.description] == []


def test_the_env_example_can_be_used_as_it_is() -> None:
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    settings = Settings.load(environ=dict(line.split("=", 1) for line in lines))
    assert settings.shop.cod_ceiling == 50_000_00
    assert settings.auth.cors_origins == []


def test_production_takes_good_settings() -> None:
    Settings.load(environ={}, **GOOD).require_safe()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"jwt_access_token_secret": "short"}, "JWT_ACCESS_TOKEN_SECRET"),
        ({"jwt_access_token_secret": "change_me_change_me_change_me_0123456789"}, "JWT_ACCESS_TOKEN_SECRET"),
        ({"jwt_refresh_token_secret": GOOD["jwt_access_token_secret"]}, "must all differ"),
        ({"token_hash_pepper": ""}, "TOKEN_HASH_PEPPER"),
        ({"token_hash_pepper": f"{GOOD['token_hash_pepper']},short"}, "TOKEN_HASH_PEPPER"),
        ({"token_hash_pepper": ",".join([GOOD["token_hash_pepper"]] * 2)}, "must all differ"),
        ({"refresh_cookie_secure": "false"}, "REFRESH_COOKIE_SECURE"),
        ({"refresh_cookie_path": "/api"}, "REFRESH_COOKIE_PATH"),
        ({"cors_origins": "*"}, "CORS_ORIGINS"),
        ({"mongo_uri": None}, "MONGO_URI"),
        ({"google_client_id": "our-id.apps.example.com"}, "GOOGLE_CLIENT_SECRET must be set"),
        ({"google_client_secret": "GOCSPX-0123456789abcdef"}, "GOOGLE_CLIENT_ID must be set"),
        (
            {"google_client_id": "our-id", "google_client_secret": "your-google-client-secret"},
            "GOOGLE_CLIENT_SECRET looks",
        ),
        ({"redirect_uri": "http://api.example.com/api/v1/auth/google/callback"}, "REDIRECT_URI"),
        ({"google_discovery_url": "http://id.example.com/.well-known/openid-configuration"}, "GOOGLE_DISCOVERY_URL"),
    ],
)
def test_production_refuses_by_name_and_never_shows_the_value(change: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsRefusedError, match=named) as refused:
        Settings.load(environ={}, **{**GOOD, **change}).require_safe()
    assert not any(value and value in str(refused.value) for value in change.values() if value not in {"false", "*"})


def test_in_production_the_refresh_cookie_is_bound_to_its_host() -> None:
    assert Settings.load(environ={}, **GOOD).refresh_cookie == "__Host-ts_rt"
    assert Settings.load(environ={}).refresh_cookie == "ts_rt"
    assert Settings.load(environ={}, **GOOD).google_cookie == "__Host-ts_google"
    assert Settings.load(environ={}).google_cookie == "ts_google"


def test_google_sends_people_back_to_the_callback_unless_told_otherwise() -> None:
    settings = Settings.load(environ={"BACKEND_BASE_URL": "https://api.example.com/"})
    assert settings.google_callback == "https://api.example.com/api/v1/auth/google/callback"
    there = "http://localhost:8000/api/v1/auth/google/callback"
    assert Settings.load(environ={"REDIRECT_URI": there}).google_callback == there


def test_a_value_that_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(SettingsRefusedError, match="ACCESS_TOKEN_EXPIRE_MINUTES") as refused:
        Settings.load(environ={"ACCESS_TOKEN_EXPIRE_MINUTES": "soon"})
    assert "soon" not in str(refused.value)


def test_any_algorithm_but_hs256_is_refused() -> None:
    with pytest.raises(SettingsRefusedError, match="JWT_ALGORITHM"):
        Settings.load(environ={"JWT_ALGORITHM": "none"})


def test_the_other_seeds_names_are_read_too() -> None:
    environ = {"SECRET_KEY": "one", "DATABASE_URL": "postgresql://there/db"}
    settings = Settings.load(environ=environ)
    assert settings.auth.jwt_access_token_secret.get_secret_value() == "one"
    assert settings.data.postgresql_uri == "postgresql://there/db"
    both = Settings.load(environ={**environ, "JWT_ACCESS_TOKEN_SECRET": "two"})
    assert both.auth.jwt_access_token_secret.get_secret_value() == "two"
