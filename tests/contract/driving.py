"""Schemathesis over the whole OpenAPI document, as somebody: in this process, or from outside at a running store.

    python -m tests.contract.driving            # the `truestyle dev` of this folder, as everybody (`make fuzz`)

Other stores are named as for `scripts.walk`. It writes into the store, and leaves what it wrote.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.events import ScenarioFinished
from scripts.walk import demo, signed_in
from starlette.types import ASGIApp, Receive, Scope, Send

from tests import make
from truestyle.auth.permissions import Permission
from truestyle.kit.errors import Problem
from truestyle.kit.types import RULE
from truestyle.shop import Shop

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "0"))  # of an operation, at random; 0: the usual, brief run
ROLES = ("customer", "vendor", "staff", "admin")
# In the usual run, two of the declared tables stand for all of them: they are the same code.
OTHERS = "[a-z]+-status|payment-types|occasions|cards-.|hero.*|how.*|testimonials|about|policies|faq|terms"
REST = f"^/(?!api/v1/({OTHERS})(/|$))"
# Errors of a 422 that a request can have although it agrees with the document. `rule`: what no schema can tell (it
# depends on another field, or on what the store has). `int_type`: to JSON Schema 5.0 is an integer; to us it is not.
WRONG = {"otp_invalid", "otp_expired", "oauth_state_invalid", "webhook_signature_invalid"}
LOCKED = 423  # an account, after so many wrong passwords
UNSET = {"GET /api/v1/auth/google/login"}  # 503 where the store is not set up for them
BEYOND_SCHEMA = {RULE, "int_type"}
ENOUGH = 1000  # characters of a body, to see what is wrong: /metrics alone has fifty times as many


class Doorman:
    """The app, but `Bearer admin` is an administrator who is signed in, whatever happened to the one before.

    What a run does may well end the session or delete the account that it acts as; the next request then comes from
    somebody new in the same role. Every other request passes through as it is.
    """

    def __init__(self, app: FastAPI) -> None:
        self.app: ASGIApp = app
        self.state = app.state
        self._tokens: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [await self._named(name, value) for name, value in scope["headers"]]}
        await self.app(scope, receive, send)

    async def _named(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        role = value.decode("latin-1").removeprefix("Bearer ")
        if name != b"authorization" or role not in ROLES:
            return name, value
        return name, f"Bearer {await self._token(role)}".encode()

    async def _token(self, role: str) -> str:
        shop: Shop = self.state.shop
        try:
            if role in self._tokens and (await shop.keys.gate.caller(self._tokens[role])).role == role:
                return self._tokens[role]
        except Problem:
            pass
        person = await make.person(shop, role)
        self._tokens[role] = person.headers["authorization"].removeprefix("Bearer ")
        return self._tokens[role]


@dataclass
class Findings:
    """What a run found, and how much it did."""

    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: int = 0
    unknown: int = 0  # answered 401
    operations: set[str] = field(default_factory=set)
    stateful_steps: int = 0

    @property
    def all(self) -> list[str]:
        """Everything that should not be."""
        return self.failures + self.errors


def drive(
    app: Any, who: str, *, phases: Sequence[str], examples: int, only: str | None = None, brief: bool = False
) -> Findings:
    """One run as `who` through `phases`, with `examples` random requests an operation; `only`: a pattern of paths.

    `brief`: without what would be asked twice. A PATCH is the function of its PUT (test_document.py). Who may not use
    an operation learns just that, whatever is sent: test_matrix, test_walk and test_hostile ask each as everybody.
    `app`: the Doorman, who knows roles, or the address of a running store, where `who` is an access token.
    """
    config = SchemathesisConfig.from_path(CONFIG)
    project = config.projects.default
    if who != "nobody":
        project.headers = {"Authorization": f"Bearer {who}"}
    project.phases.update(phases=list(phases))
    for phase in (project.phases.fuzzing, project.phases.stateful):
        phase.generation.max_examples = examples
    schema: Any
    if isinstance(app, str):  # there is no doorman outside, so nobody may end the session that the run acts in
        project.update(base_url=app)
        document = httpx.get(f"{app}/openapi.json", timeout=30).json()
        schema = schemathesis.openapi.from_dict(document, config=config).exclude(operation_id="logout")
    else:
        schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    found = Findings()
    if only is not None:
        schema = schema.include(path_regex=only)
    if brief:
        project.phases.coverage.unexpected_methods = {"TRACE"}  # of six that no operation has
        schema = schema.exclude(method="PATCH").exclude(lambda asked: not may(who, asked.operation.definition.raw))
    for event in from_schema(schema).execute():
        if isinstance(event, ScenarioFinished):
            found.requests += len(event.recorder.interactions)
            found.stateful_steps += len(event.recorder.interactions) if event.phase.value == "stateful" else 0
            found.operations |= {one.value.operation.label for one in event.recorder.cases.values()}
            answers = [one.response for one in event.recorder.interactions.values() if one.response is not None]
            found.unknown += sum(one.status_code == 401 for one in answers)
            found.failures += _failures(event)
        elif isinstance(event, events.NonFatalError):
            found.errors.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return found


def may(who: str, told: dict[str, Any]) -> bool:
    """Whether an operation is for them, by what the document says of its security."""
    ways = told.get("security") or [{}]
    if who == "customer":
        return any(set(way.get("bearer", ())) <= {Permission.ACCOUNT} for way in ways)
    return who != "nobody" or {} in ways


def _failures(event: ScenarioFinished) -> Iterator[str]:
    recorder = event.recorder
    for key, checks in recorder.checks.items():
        interaction = recorder.interactions.get(key)
        answer = interaction.response if interaction else None
        status, text = (answer.status_code, answer.content.decode(errors="replace")) if answer else (0, "")
        for check in checks:
            if check.status != Status.FAILURE or check.failure_info is None:
                continue
            if check.name == "positive_data_acceptance" and _beyond_schema(status, text, recorder.cases[key].value):
                continue
            if check.name == "negative_data_rejection" and status == LOCKED:  # it is refused, before anything is read
                continue
            if status == 503 and recorder.cases[key].value.operation.label in UNSET:
                continue
            told = check.failure_info
            yield (
                f"{event.phase.value} {recorder.cases[key].value.operation.label} {check.name}: "
                f"{told.failure.title} {told.failure.message[:ENOUGH]}\n{told.code_sample[:ENOUGH]}\n"
                f"-> {status} {text[:ENOUGH]}"
            )


def _beyond_schema(status: int, text: str, case: Any) -> bool:
    """Whether a refusal of a request that agrees with the document has a reason that no document could tell."""
    if status == LOCKED or (status == 400 and json.loads(text)["code"] in WRONG):  # passwords, codes: made up ones are
        return True
    if status == 415:  # of what kind the bytes of a file are
        return bool(case.media_type == "multipart/form-data")
    if status != 422:
        return False
    problem = json.loads(text)
    if problem["code"] != "validation_error":  # weak_password, invalid_image, …: the request was read and understood
        return True
    return {one["type"] for one in problem["errors"]} <= BEYOND_SCHEMA


def _outside(address: str, people: Sequence[str], examples: int) -> int:
    wrong = 0
    for person in ["nobody", *people]:
        name, _, sign_in = person.partition("=")
        who = signed_in(address, sign_in) if sign_in else name
        found = drive(address, who, phases=["examples", "coverage", "fuzzing", "stateful"], examples=examples)
        told = f"{name}: {found.requests} requests, {found.unknown} of them 401, {len(found.all)} findings"
        print(*found.all, told, sep="\n")  # noqa: T201
        wrong += len(found.all)
    return 1 if wrong else 0


if __name__ == "__main__":
    where, everybody = (sys.argv[1], sys.argv[2:]) if sys.argv[1:] else demo()
    sys.exit(_outside(where.rstrip("/"), everybody, EXAMPLES or 5))
