.PHONY: dev test contract walk fuzz check format lock reference bench

dev:
	uv run truestyle dev

test:
	uv run pytest

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

lock:
	uv run python -m scripts.lock

reference:
	uv run python -m truestyle.cli.reference

bench:
	uv run python -m benchmarks
