"""Reference pages written from the code: `.env.example`, settings and metrics. A test holds them to it."""

import sys
from pathlib import Path
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from truestyle.infra import metrics
from truestyle.kit import money
from truestyle.setting_groups import GROUPS
from truestyle.setting_kinds import Group

ENV_FILE, PAGE = Path(".env.example"), Path("docs/reference/settings.md")
METRICS = Path("docs/reference/metrics.md")


def env_example() -> str:
    """Every setting with its default, one line each; those without a default are commented out."""
    lines = ["# Every setting of True Style. Unset ones keep their default; `truestyle dev` needs none of them."]
    for group in GROUPS:
        lines += ["", f"# {_title(group)}"]
        for name, info in group.model_fields.items():
            value = _default(info)
            setting = f"{name.upper()}={value}" if value else f"# {name.upper()}="
            lines += [f"# {info.description}", setting]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """The same as a table for the documentation."""
    lines = [
        "# Settings",
        "",
        "Read from the environment and from `.env` (the environment wins). Lists are comma-separated.",
        "This page is written from the code by `make reference`.",
    ]
    for group in GROUPS:
        lines += ["", f"## {_title(group)}", "", "| setting | default | what it does |", "|---|---|---|"]
        for name, info in group.model_fields.items():
            default = _default(info)
            shown = f"`{default}`" if default else ""
            also = _aliases(name, info)
            words = f"{info.description}{f' Also read as {also}.' if also else ''}"
            lines.append(f"| `{name.upper()}` | {shown} | {words} |")
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every metric with its labels."""
    lines = [
        "# Metrics",
        "",
        "What `/metrics` tells, in the words of Prometheus. A histogram has `_bucket`, `_sum`, `_count`; beside these",
        "are `process_*` and `python_*`. How to scrape them is in [Watch the store](../guides/observability.md).",
        "This page is written from the code by `make reference`.",
        "",
        "| metric | kind | labels | what it tells |",
        "|---|---|---|---|",
    ]
    for one in metrics.DECLARED:
        labels = "; ".join(f"`{name}`: {words}" for name, words in one.labels.items())
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.words} |")
    return "\n".join(lines) + "\n"


def _title(group: type[Group]) -> str:
    return (group.__doc__ or "").strip().rstrip(".")


def _default(info: FieldInfo) -> str:
    value: Any = info.default
    if any(getattr(one, "func", None) is money.parse for one in info.metadata) and value is not None:
        return money.wire(value)
    if value is None or hasattr(value, "get_secret_value"):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def _aliases(name: str, info: FieldInfo) -> str:
    choices = info.validation_alias
    if not isinstance(choices, AliasChoices):
        return ""
    return ", ".join(f"`{str(one).upper()}`" for one in choices.choices if one != name)


def main() -> None:
    """Write them, from the top of the repository."""
    for path, text in ((ENV_FILE, env_example()), (PAGE, settings_page()), (METRICS, metrics_page())):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
