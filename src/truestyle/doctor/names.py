"""The names in the environment and in `.env`: those that are no setting of ours, and those that mean the same twice."""

import difflib
from collections.abc import Iterator, Mapping

from pydantic import AliasChoices

from truestyle.doctor.models import Finding, note, wrong
from truestyle.infra import metrics
from truestyle.setting_groups import GROUPS

PART = "settings"
LIKE = 0.84  # how alike a name must be to be a slip of one of ours
# Read by what we are made of, and not by Settings.
OTHERS = {metrics.SHARED, "TRUESTYLE_MONGOD", "TRUESTYLE_DATA"}
# Of other programs, and alike by chance.
FOREIGN = {"LOGNAME", "MAIL", "SECRET", "DATABASE", "DEBUGINFOD_URLS"}


def aliases() -> dict[str, list[str]]:
    """Every name that a setting is read by, the first one wins, under the setting's own."""
    found = {}
    for group in GROUPS:
        for name, info in group.model_fields.items():
            choices = info.validation_alias
            names = [str(one) for one in choices.choices] if isinstance(choices, AliasChoices) else [name]
            found[name.upper()] = [one.upper() for one in names]
    return found


def look(environ: Mapping[str, str], env_file: Mapping[str, str | None]) -> Iterator[Finding]:
    """What of the names is worth a word. `environ` has much that is none of ours; all of `env_file` should be."""
    settings = aliases()
    known = {one for names in settings.values() for one in names} | OTHERS
    for name in sorted({one.upper() for one in [*environ, *env_file]} - known - FOREIGN):
        close = difflib.get_close_matches(name, known, 1, LIKE)
        where = ".env" if name in {one.upper() for one in env_file} else "the environment"
        if close:
            yield wrong(PART, f"{name} in {where} is no setting and does nothing: write {close[0]}, if that is meant.")
        elif name.startswith("TRUESTYLE_") or where == ".env":
            yield note(PART, f"{name} in {where} is no setting of this store and does nothing: remove it.")
    given = {name.upper(): value for source in (env_file, environ) for name, value in source.items() if value}
    for name, names in settings.items():
        there = [one for one in names if one in given]
        if len(there) > 1 and len({given[one] for one in there}) > 1:
            rest = " and ".join(there[1:])
            yield wrong(
                PART, f"{there[0]} and {rest} mean the same and differ, and the first one holds: remove {rest}."
            )
        elif there and there[0] != name:
            yield note(PART, f"{there[0]} is read as {name}: that works, but write {name}, which the reference has.")
