.PHONY: dev test faults contract walk fuzz check format lock deployment reference openapi client-python client-typescript docs docs-serve bench

dev:
	uv run truestyle dev

test:
	uv run pytest

faults:  # break everything on purpose, at length; docs/guides/faults.md tells what
	uv run pytest tests/faults tests/infra/test_outbox.py tests/infra/test_limiter.py tests/infra/test_cache.py \
		tests/mail/test_smtp.py tests/logs tests/contact tests/files/test_s3_away.py tests/files/test_broken_off.py \
		tests/backups/test_faults.py tests/backups/test_processes.py tests/auth/test_two_processes.py -n 0 -m ""

contract:  # the OpenAPI document against the store, at length; needs no running one
	CONTRACT_EXAMPLES=$${CONTRACT_EXAMPLES:-50} uv run pytest tests/contract -n 2

walk:  # every operation of the `truestyle dev` that runs here, as everybody; writes into it
	uv run python -m scripts.walk $(STORE)

fuzz:  # Schemathesis against it from outside; writes into it
	uv run python -m tests.contract.driving $(STORE)

check:
	uv run --group lint ruff check . && uv run --group lint ruff format --check . && uv run --group lint mypy && uv run --group lint lint-imports && uv run --group lint deptry src

format:
	uv run --group lint ruff format . && uv run --group lint ruff check --fix .

deployment:  # compose.yaml, Kubernetes manifests, nginx.conf and Dockerfile against their specifications
	uv run --group deployment python -m scripts.deployment

lock:
	uv run python -m scripts.lock

reference:
	uv run python -m scripts.reference

openapi:  # docs/reference/openapi.json, and in words what has changed since it was last written
	uv run python -m scripts.openapi

client-python:  # build/clients/python, a package that can be installed
	uv run python -m scripts.clients python

client-typescript:  # build/clients/typescript, compiled; wants Node.js 20 or newer
	uv run python -m scripts.clients typescript

docs:  # build/site; fails on any warning
	uv run --group docs python -m scripts.site build

docs-serve:  # the same, shown at http://127.0.0.1:8001 and built anew when a page changes
	uv run --group docs python -m scripts.site serve

bench:
	uv run python -m benchmarks
