"""What differs between two OpenAPI documents, in words, and whether it breaks who was written against the first.

Requests break when they are narrowed, answers when they promise less or other things. An answer whose enum grows counts
as breaking too: a typed client knows only the values that it was generated with.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]
Side = Literal["requests", "answers"]
REF = "#/components/schemas/"
UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
FORMS = ("pattern", "format", "multipleOf", "const", "contentMediaType")
WORDS = {"description", "example", "examples", "title", "summary"}  # for people; a program does not read them
SHOWN = 3  # operations that are named where a component is used in many


@dataclass(frozen=True)
class Change:
    """One difference."""

    where: str
    what: str
    breaking: bool

    def __str__(self) -> str:
        """As a line of a list."""
        return f"{'BREAKING ' if self.breaking else ''}{self.where}: {self.what}"


def told(changes: list[Change]) -> str:
    """All of them as text, what breaks first."""
    breaking = sum(one.breaking for one in changes)
    ordered = sorted(changes, key=lambda one: (not one.breaking, one.where, one.what))
    return "\n".join([f"{len(changes)} changed, {breaking} of it breaking:", *(f"  {one}" for one in ordered)])


def changes(old: Schema, new: Schema) -> list[Change]:
    """Every difference that somebody can notice; where only words differ, one line says so."""
    if old == new:
        return []
    found = list(dict.fromkeys(_Comparison(old, new).all()))
    return found or [Change("document", "only its words, examples or order", breaking=False)]


def _operations(document: Schema) -> dict[str, Schema]:
    return {
        f"{method.upper()} {path}": told
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }


class _Comparison:
    """Of two documents. Components that both sides name alike are compared once for each side that they are used on."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old, new
        self.used: dict[tuple[str, Side], list[str]] = {}
        self.walked: set[tuple[str, str, Side]] = set()
        self.operation = ""

    def all(self) -> Iterator[Change]:
        """Operations, then the components they share."""
        before, after = _operations(self.old), _operations(self.new)
        for name in sorted(before.keys() | after.keys()):
            self.operation = name
            if name not in after:
                yield Change(name, "the operation was removed", breaking=True)
            elif name not in before:
                yield Change(name, "a new operation", breaking=False)
            else:
                yield from self._operation(name, before[name], after[name])
        compared: set[tuple[str, Side]] = set()
        while waiting := [one for one in self.used if one not in compared]:
            for name, side in waiting:
                compared.add((name, side))
                self.operation = self.used[name, side][0]
                yield from self._component(name, side)

    def _component(self, name: str, side: Side) -> Iterator[Change]:
        one, other = (document["components"]["schemas"].get(name, {}) for document in (self.old, self.new))
        found = list(self._schema(name, one, other, side))
        users = self.used[name, side]
        shown = ", ".join(users[:SHOWN]) + (f" and {len(users) - SHOWN} more" if len(users) > SHOWN else "")
        yield from (Change(each.where, f"{each.what} (in {side} of {shown})", each.breaking) for each in found)

    def _operation(self, name: str, old: Schema, new: Schema) -> Iterator[Change]:
        if old.get("operationId") != new.get("operationId"):
            yield Change(name, f"`{old.get('operationId')}` is called `{new.get('operationId')}` now", breaking=True)
        if not old.get("deprecated") and new.get("deprecated"):
            yield Change(name, "deprecated", breaking=False)
        yield from self._security(name, old.get("security", []), new.get("security", []))
        yield from self._parameters(name, old, new)
        yield from self._body(name, old.get("requestBody", {}), new.get("requestBody", {}))
        yield from self._responses(name, old["responses"], new["responses"])

    def _security(self, name: str, old: list[Schema], new: list[Schema]) -> Iterator[Change]:
        if old == new:
            return
        free = [not one or {} in one for one in (old, new)]
        scopes = [{scope for need in one for each in need.values() for scope in each} for one in (old, new)]
        if free[0] and not free[1]:
            yield Change(name, "wants a signed-in caller now", breaking=True)
        elif free[1] and not free[0]:
            yield Change(name, "wants no signed-in caller any more", breaking=False)
        for scope in sorted(scopes[1] - scopes[0]):
            yield Change(name, f"wants the permission `{scope}` now", breaking=True)
        for scope in sorted(scopes[0] - scopes[1]):
            yield Change(name, f"does not want the permission `{scope}` any more", breaking=False)

    def _parameters(self, name: str, old: Schema, new: Schema) -> Iterator[Change]:
        before, after = ({(one["in"], one["name"]): one for one in each.get("parameters", [])} for each in (old, new))
        for key in sorted(before.keys() | after.keys()):
            called = f"{key[0]} parameter `{key[1]}`"
            if key not in after:
                yield Change(name, f"{called} was removed", breaking=True)
            elif key not in before:
                needed = after[key].get("required", False)
                yield Change(name, f"new {called}{', which is required' if needed else ''}", breaking=needed)
            else:
                if after[key].get("required") and not before[key].get("required"):
                    yield Change(name, f"{called} is required now", breaking=True)
                elif before[key].get("required") and not after[key].get("required"):
                    yield Change(name, f"{called} can be left out now", breaking=False)
                yield from self._schema(
                    name, before[key].get("schema", {}), after[key].get("schema", {}), "requests", called
                )

    def _body(self, name: str, old: Schema, new: Schema) -> Iterator[Change]:
        if old and not new:
            yield Change(name, "takes no body any more", breaking=True)
        elif new and not old:
            needed = new.get("required", False)
            yield Change(name, f"takes a body now{', and wants it' if needed else ''}", breaking=needed)
        else:
            if new.get("required") and not old.get("required"):
                yield Change(name, "wants its body now", breaking=True)
            yield from self._contents(name, "the body", old, new, "requests")

    def _contents(self, name: str, called: str, old: Schema, new: Schema, side: Side) -> Iterator[Change]:
        before, after = old.get("content", {}), new.get("content", {})
        for kind in sorted(before.keys() | after.keys()):
            if kind not in after:
                yield Change(name, f"{called} is never {kind} any more", breaking=True)
            elif kind not in before:
                yield Change(name, f"{called} can be {kind} now", breaking=False)
            else:
                schemas = (before[kind].get("schema", {}), after[kind].get("schema", {}))
                yield from self._schema(name, *schemas, side, called)

    def _responses(self, name: str, old: Schema, new: Schema) -> Iterator[Change]:
        for status in sorted(old.keys() | new.keys()):
            error = status >= "400"
            if status not in new:
                yield Change(name, f"does not answer {status} any more", breaking=not error)
            elif status not in old:
                yield Change(name, f"can answer {status}{_codes_of(new[status])} now", breaking=not error)
            else:
                if error:
                    yield from self._codes(name, status, old[status], new[status])
                for header in sorted(old[status].get("headers", {}).keys() - new[status].get("headers", {}).keys()):
                    yield Change(name, f"answer {status} has no header `{header}` any more", breaking=True)
                yield from self._contents(name, f"answer {status}", old[status], new[status], "answers")

    def _codes(self, name: str, status: str, old: Schema, new: Schema) -> Iterator[Change]:
        before, after = _codes(old), _codes(new)
        for code in sorted(after - before):
            yield Change(name, f"can answer {status} `{code}` now", breaking=False)
        for code in sorted(before - after):
            yield Change(name, f"does not answer {status} `{code}` any more", breaking=False)

    def _schema(self, where: str, old: Schema, new: Schema, side: Side, at: str = "") -> Iterator[Change]:
        if not isinstance(old, dict) or not isinstance(new, dict):
            return
        names = old.get("$ref", ""), new.get("$ref", "")
        if names[0] and names[0] == names[1]:
            users = self.used.setdefault((names[0].removeprefix(REF), side), [])
            if self.operation not in users:
                users.append(self.operation)
            return
        if any(names):
            if (*names, side) in self.walked:
                return
            self.walked.add((*names, side))
        old, new = _resolved(self.old, old), _resolved(self.new, new)
        before, after = _branches(old), _branches(new)
        if len(before) > 1 or len(after) > 1:
            yield from self._union(where, before, after, side, at)
            return
        plain = _resolved(self.old, before[0]), _resolved(self.new, after[0])
        yield from self._plain(where, plain[0], plain[1], side, at)
        yield from _default(where, old, new, at)

    def _union(self, where: str, old: list[Schema], new: list[Schema], side: Side, at: str) -> Iterator[Change]:
        kinds = [{_kind(one): one for one in each} for each in (old, new)]
        gone = [one for kind, one in kinds[0].items() if kind not in kinds[1]]
        come = [one for kind, one in kinds[1].items() if kind not in kinds[0]]
        for one in list(gone):  # the same branch with other bounds
            if other := next((each for each in come if _name(each) == _name(one)), None):
                gone.remove(one)
                come.remove(other)
                yield from self._schema(where, one, other, side, at)
        if len(gone) == len(come) == 1:
            yield from self._schema(where, gone.pop(), come.pop(), side, at)
        for one in gone:
            yield Change(where, f"{_of(at)}is never {_name(one)} any more", breaking=side == "requests")
        for one in come:
            yield Change(where, f"{_of(at)}can be {_name(one)} now", breaking=side == "answers")
        for kind in [one for one in kinds[0] if one in kinds[1]]:
            yield from self._schema(where, kinds[0][kind], kinds[1][kind], side, at)

    def _plain(self, where: str, old: Schema, new: Schema, side: Side, at: str) -> Iterator[Change]:
        if old.get("type") != new.get("type"):
            yield Change(where, f"{_of(at)}was {_name(old)} and is {_name(new)} now", breaking=True)
            return
        yield from _bounds(where, old, new, side, at)
        yield from self._properties(where, old, new, side, at)
        for part in ("items", "additionalProperties"):
            one, other = old.get(part, {}), new.get(part, {})
            if part not in old and part not in new:
                continue
            if isinstance(one, dict) and isinstance(other, dict):
                yield from self._schema(where, one, other, side, f"{at}[]" if part == "items" else f"{at}{{}}")
            elif part == "additionalProperties" and one != other:
                shut = other is False
                breaking = shut == (side == "requests")
                yield Change(where, f"{_of(at)}takes {'no' if shut else 'any'} other fields now", breaking=breaking)

    def _properties(self, where: str, old: Schema, new: Schema, side: Side, at: str) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, wanted = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() | after.keys()):
            field = f"{at}.{name}" if at else name
            if name not in after:
                yield Change(where, f"field `{field}` was removed", breaking=True)
            elif name not in before:
                must = side == "requests" and name in wanted
                yield Change(where, f"new field `{field}`{', which is required' if must else ''}", breaking=must)
            else:
                if (name in wanted) != (name in needed):
                    breaking = (name in wanted) == (side == "requests")
                    words = "is always there" if name in wanted else "can be missing"
                    if side == "requests":
                        words = "is required" if name in wanted else "can be left out"
                    yield Change(where, f"field `{field}` {words} now", breaking=breaking)
                yield from self._schema(where, before[name], after[name], side, field)


def _bounds(where: str, old: Schema, new: Schema, side: Side, at: str) -> Iterator[Change]:
    before, after = (one.get("enum", []) for one in (old, new))
    for value in [one for one in before if one not in after]:
        yield Change(where, f"{_of(at)}is never `{value}` any more", breaking=side == "requests")
    for value in [one for one in after if one not in before]:
        yield Change(where, f"{_of(at)}can be `{value}` now", breaking=side == "answers" or not before)
    for name in (*UPPER, *LOWER):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        narrower = now is not None and (was is None or (now < was if name in UPPER else now > was))
        words = f"{_of(at)}{name} was {_or_none(was)} and is {_or_none(now)} now"
        yield Change(where, words, breaking=narrower and side == "requests")
    for name in FORMS:
        if old.get(name) != new.get(name):
            words = f"{_of(at)}{name} was {_or_none(old.get(name))} and is {_or_none(new.get(name))} now"
            yield Change(where, words, breaking=side == "answers" or name in new)
    if not old.get("uniqueItems") and new.get("uniqueItems"):
        yield Change(where, f"{_of(at)}takes nothing twice now", breaking=side == "requests")


def _default(where: str, old: Schema, new: Schema, at: str) -> Iterator[Change]:
    if old.get("default") != new.get("default"):
        was, now = _or_none(old.get("default")), _or_none(new.get("default"))
        yield Change(where, f"{_of(at)}left out, it was {was} and is {now} now", breaking=False)


def _resolved(document: Schema, schema: Schema) -> Schema:
    name = schema.get("$ref", "").removeprefix(REF)
    return {**document["components"]["schemas"].get(name, {}), **schema, "$ref": ""} if name else schema


def _branches(schema: Schema) -> list[Schema]:
    """The schemas of which a value may be any."""
    return schema.get("anyOf") or schema.get("oneOf") or [schema]


def _kind(schema: Schema) -> str:
    """What makes two branches of a union the same one: the component, or all of it but its words."""
    return json.dumps({key: value for key, value in schema.items() if key not in WORDS}, sort_keys=True)


def _name(schema: Schema) -> str:
    if name := schema.get("$ref", "").removeprefix(REF):
        return str(name)
    return str(schema.get("type") or schema.get("const") or "one of several")


def _codes(answer: Schema) -> set[str]:
    return set(re.findall("`([a-z_]+)`", answer.get("description", "")))


def _codes_of(answer: Schema) -> str:
    return "".join(f" `{code}`" for code in sorted(_codes(answer)))


def _of(at: str) -> str:
    return f"`{at}` " if at and " " not in at else f"{at} " if at else ""


def _or_none(value: Any) -> str:
    return "unset" if value is None else f"`{value}`"
