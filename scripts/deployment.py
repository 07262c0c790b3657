"""`make deployment`: compose.yaml, the manifests, nginx.conf and the Dockerfile, checked without Docker or a cluster.

Compose's own specification, Kubernetes' schemas (strict: nothing unknown), nginx's directives and where each may stand,
and hadolint. With `kubectl` here, its kustomizations are built first. That says that the files are well formed, and
nothing of what they do: see deploy/README.md for what was run and what was not.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import compose_spec
import crossplane
import kubernetes_validate
import yaml
from tests.deploy.composed import composed

KUBERNETES = Path("deploy/kubernetes")
VERSIONS = ("1.29", "1.33", "1.37")  # that the manifests are for


def main() -> None:
    """Print what is wrong, one line each; exit 1 if anything is."""
    wrong = [*_compose(), *_kubernetes(), *_nginx(), *_dockerfile()]
    print("\n".join(wrong) or f"Compose, Kubernetes {', '.join(VERSIONS)}, nginx and the Dockerfile are well formed.")  # noqa: T201
    sys.exit(1 if wrong else 0)


def _compose() -> Iterator[str]:
    try:
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(composed())).validate()
    except ValueError as error:
        yield f"compose.yaml: {error}"


def _kubernetes() -> Iterator[str]:
    for name, one in _manifests():
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(part) for part in error.path)
                yield f"{name}: {one['kind']} {one['metadata']['name']} ({version}): {where}: {error.message}"


def _manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(KUBERNETES.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from ((str(path), one) for one in yaml.safe_load_all(path.read_text()) if one)
    if (kubectl := shutil.which("kubectl")) is None:
        return
    for folder in (KUBERNETES, KUBERNETES / "migrate"):
        built = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout  # noqa: S603
        yield from ((f"kustomize {folder}", one) for one in yaml.safe_load_all(built) if one)


def _nginx() -> Iterator[str]:
    parsed = crossplane.parse("deploy/compose/nginx.conf", strict=True)
    for one in parsed["errors"]:
        yield f"nginx.conf:{one['line']}: {one['error']}"


def _dockerfile() -> Iterator[str]:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", "Dockerfile"], capture_output=True, text=True, check=False)  # noqa: S603
    yield from done.stdout.splitlines() or ([done.stderr] if done.returncode else [])


if __name__ == "__main__":
    main()
