"""`make lock`: pin everything below the direct dependencies in pyproject.toml, with no address of any index."""

import re
import subprocess
from pathlib import Path

PROJECT = Path("pyproject.toml")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;]+)( ;.*)?$")


def main() -> None:
    """Resolve anew, then write `constraint-dependencies`."""
    text = PROJECT.read_text()
    block = re.compile(r"constraint-dependencies = \[.*?\n?\]", re.DOTALL)
    PROJECT.write_text(block.sub("constraint-dependencies = []", text))
    command = ["uv", "export", "--all-groups", "--all-extras", "--no-hashes", "--no-emit-project", "--no-annotate"]
    Path("uv.lock").unlink(missing_ok=True)
    exported = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    direct = {one.lower() for one in re.findall(r'^    "([A-Za-z0-9._-]+)', text.split("[tool.uv]")[0], re.MULTILINE)}
    pins = [line for line in exported.splitlines() if (found := PIN.match(line)) and found[1].lower() not in direct]
    lines = "".join(f"    {quoted(pin)},\n" for pin in sorted(pins))
    PROJECT.write_text(block.sub(lambda _: f"constraint-dependencies = [\n{lines}]", text))


def quoted(pin: str) -> str:
    """A TOML string for a pin whose marker has quotes of its own."""
    return '"' + pin.replace(" ; ", "; ").replace('"', "'") + '"'


if __name__ == "__main__":
    main()
