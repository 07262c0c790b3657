"""The code of the guides, word for word, against a store that runs: plain fetch, and the clients that are generated."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from scripts import clients

from tests.conftest import make_settings
from tests.running import environment, free_port, running

ROOT = Path(__file__).parents[2]
PRODUCTS = 30  # more than a page of the guides, so that they turn one
OWNER = {"email": "owner@example.com", "password": "a long and unlikely phrase"}
KURTA = {
    "description": "Hand-block-printed cotton.",
    "gender": "women",
    "hsn_code": "6211",
    "mrp": "1999.00",
    "price": "1499.00",
    "variants": [{"size": "M", "color": "Indigo", "opening_stock": 20}],
}
node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="Node.js and npm are not installed here"
)


@pytest.fixture(scope="module")
def store(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a store in a process of its own, with something on the shelf."""
    folder = tmp_path_factory.mktemp("clients")
    settings = make_settings(mongo_uri, folder / "data", mongo_db="clients")
    port = free_port()
    more = {
        "SEED_ADMIN_EMAIL": OWNER["email"],
        "SEED_ADMIN_PASSWORD": OWNER["password"],
        "BACKEND_BASE_URL": f"http://127.0.0.1:{port}",  # the sandbox's challenge is there
    }
    with running(["serve"], environment(settings, **more), folder, port=port) as process:
        with httpx.Client(base_url=f"{process.url}/api/v1") as client:
            entered = client.post("/auth/login", json=OWNER).json()
            client.headers["authorization"] = f"Bearer {entered['access_token']}"
            for number in range(PRODUCTS):
                made = client.post("/products", json=KURTA | {"name": f"Kurta {number}"})
                assert made.status_code == 201, made.text
        yield process.url


def code(page: str, kind: str) -> str:
    """The code of a page: all its blocks of one kind, in order."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", (ROOT / "docs/guides" / page).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    return "\n".join(blocks)


def run(*command: str, store: str, **more: str) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "STORE": store,
        "EMAIL": f"{Path(command[0]).name}-{len(command[-1])}@example.com",
    }
    done = subprocess.run(command, env=env | more, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@node
def test_the_storefront_of_the_guide_sells(store: str, tmp_path: Path) -> None:
    program = tmp_path / "storefront.mjs"
    program.write_text(code("storefront.md", "js"))

    told = run("node", str(program), store=store)

    assert f"{PRODUCTS} products" in told
    assert "ordered once" in told
    assert re.search(r"TS-\d\d-\d{6} is confirmed, paid 2998.00", told)
    assert "1 order; next: cancel" in told


def test_the_python_client_shops_typed(store: str, tmp_path: Path) -> None:
    made = clients.python(tmp_path / "client")
    program = tmp_path / "typed.py"
    program.write_text(code("clients.md", "python"))

    told = run(sys.executable, str(program), store=store, PYTHONPATH=str(made))

    assert f"{PRODUCTS} products" in told
    assert "for one rupee: price_changed" in told
    assert "a second order: cart_empty" in told
    assert re.search(r"^order TS-\d\d-\d{6}$", told, re.MULTILINE)
    typed(program, made)


def typed(program: Path, made: Path) -> None:
    """Where mypy is (in CI it is), the program is checked against what the client says of itself."""
    pytest.importorskip("mypy", reason="mypy comes with the lint group")
    command = (sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", str(program))
    assert "no issues" in run(*command, store="", MYPYPATH=str(made), MYPY_CACHE_DIR=str(program.parent / "cache"))


@node
def test_the_typescript_client_shops_typed(store: str) -> None:
    # Kept between runs: only the first waits for npm. `tsc --strict` is what compiles it.
    made = clients.typescript(clients.BUILD / "typescript-tested", ("shopping.ts", code("clients.md", "ts")))

    told = run("node", str(made / "dist" / "shopping.js"), store=store)

    assert f"{PRODUCTS} products" in told
    assert "a second order: 409 cart_empty" in told
    assert re.search(r"^order TS-\d\d-\d{6}$", told, re.MULTILINE)
