.PHONY: dev test contract check format lock reference bench

dev:
	uv run truestyle dev

test:
	uv run pytest

contract:  ## Schemathesis at length: every operation as everybody
	CONTRACT_EXAMPLES=$${CONTRACT_EXAMPLES:-50} uv run pytest tests/contract -n 2

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
