"""`--data` names a store: a wrong one is said, and no new store comes to be in its place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from truestyle.cli import common
from truestyle.cli.app import app
from truestyle.infra.local.home import Home, NoStoreError
from truestyle.settings import Settings

NEEDS_ONE = [
    "export orders",
    "export catalogue.csv",
    "gstr1 2026-11 papers",
    "migrate",
    "migrate --dry-run",
    "outbox list",
    "outbox replay --all",
    "audit",
    "backup",
    "settlement report.csv",
    "restore latest --order TS-26-000001",
]


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder without a store, and with no server named."""
    monkeypatch.chdir(tmp_path)
    for name in ("MONGO_URI", "TRUESTYLE_DATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("truestyle.cli.common", "truestyle.cli.doctoring"):
        monkeypatch.setattr(f"{name}.telemetry.configure", lambda **_: None)
    (tmp_path / "report.csv").touch()
    yield
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["report.csv"]


def called(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, arguments)


@pytest.mark.parametrize("command", NEEDS_ONE)
def test_without_a_store_a_command_says_so_and_makes_none(command: str, tmp_path: Path) -> None:
    done = called(*command.split(), "--data", "elsewhere")
    assert done.exit_code == 1
    says = f"There is no store in {tmp_path / 'elsewhere'}. Give its folder with --data (or TRUESTYLE_DATA)."
    assert says in " ".join(done.output.split())


def test_the_doctor_makes_none_by_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URL", "mongodb://db")
    done = called("doctor", "--json")
    assert done.exit_code == 1
    found = {one["part"]: one["says"] for one in json.loads(done.stdout)["findings"]}
    assert "write MONGO_URI" in found["settings"]
    assert found["mongo"].startswith(f"There is no store in {tmp_path / '.truestyle'}.")


def test_a_store_on_a_database_elsewhere_is_one_while_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    uri = "mongodb://db/?replicaSet=rs0"
    with Home(folder).held():
        Home(folder).announce(url="http://127.0.0.1:8000", mongo_uri=uri)
        with common.database(folder, make=False) as settings:
            assert settings.data.mongo_uri == uri
        killed = (folder / "running.json").read_bytes()
    (folder / "running.json").write_bytes(killed)
    with pytest.raises(NoStoreError), common.database(folder, make=False):
        pass
    for one in ("lock", "secrets.json"):
        (folder / one).unlink()
    folder.rmdir()


def test_with_a_server_named_no_folder_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://db/?replicaSet=rs0")
    monkeypatch.setattr(Home, "secrets", Home.kept)
    with common.database(tmp_path / "nowhere", make=False) as settings:
        assert isinstance(settings, Settings)
        assert settings.data.mongo_uri == "mongodb://db/?replicaSet=rs0"
