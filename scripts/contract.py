"""What the OpenAPI document promises, as checks of single answers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

PROBLEM = "application/problem+json"
PREFIX = "/api/v1"
NOWHERE = "65af0b12c4a1d2e3f4a5b6c7"
OTHERS = {"pincode": "560001", "slug": "nothing-by-this-name"}  # parameters of paths that are no ids
# Code → status: the vocabulary of the HTTP contract, and below it what later features added.
CODES: dict[str, int] = {
    **dict.fromkeys(
        ("validation_error", "weak_password", "invalid_image", "file_refused", "idempotency_key_reused"), 422
    ),
    **dict.fromkeys(("invalid_credentials", "token_expired", "token_invalid", "token_revoked", "refresh_reused"), 401),
    "mfa_invalid": 401,
    **dict.fromkeys(("email_not_verified", "forbidden", "account_suspended", "step_up_required", "csrf"), 403),
    "account_locked": 423,
    "not_found": 404,
    "method_not_allowed": 405,
    **dict.fromkeys(("duplicate", "in_use", "append_only", "insufficient_stock", "price_changed", "cart_empty"), 409),
    **dict.fromkeys(("not_deliverable", "cod_unavailable", "invoice_not_issued", "refund_exceeds_captured"), 409),
    "credit_exceeds_invoice": 409,
    **dict.fromkeys(("not_editable", "invalid_transition", "coupon_invalid", "return_window_closed"), 409),
    "idempotency_in_progress": 409,
    "payment_failed": 402,
    "version_conflict": 412,
    **dict.fromkeys(("body_too_large", "file_too_large"), 413),
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    **dict.fromkeys(("otp_invalid", "otp_expired", "oauth_state_invalid", "webhook_signature_invalid"), 400),
    "rate_limited": 429,
    "service_unavailable": 503,
    "request_timeout": 408,
    "mfa_setup_required": 403,  # where a setting wants MFA of administrators
    "preview_stale": 409,  # a bulk change whose rows have changed since the preview
    **dict.fromkeys(("already_running", "not_dead"), 409),  # recurring work, and events that were given up
    "not_returnable": 409,  # goods that stay with who bought them
    **dict.fromkeys(("backup_not_good", "backup_begun"), 409),
    **dict.fromkeys(("too_many_endpoints", "delivery_waiting"), 409),  # webhooks to others
    "maintenance": 503,  # while a backup is put in place
    "several_lines": 409,  # the other seeds' /cart/update and /cart/remove
}
NEED_SETTINGS = frozenset({"google_login"})  # operations that answer 503 where the store is not set up for them
UNAVAILABLE = 503


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str
    told: dict[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """The schema of its body by media type."""
        content: dict[str, Any] = self.told.get("requestBody", {}).get("content", {})
        return {kind: one["schema"] for kind, one in content.items()}


class Document:
    """The OpenAPI document, with validators."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.all = document
        self.schemas: dict[str, Any] = document["components"]["schemas"]
        self.validator = cache(self._validator)

    def operations(self) -> Iterator[Operation]:
        """Every one."""
        for path, methods in self.all["paths"].items():
            for method, told in methods.items():
                yield Operation(told["operationId"], method.upper(), path, told)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The component behind a `$ref`."""
        name = schema.get("$ref", "").rsplit("/", 1)[-1]
        return dict(self.schemas[name]) if name else schema

    def example(self, operation: Operation) -> Any:
        """The example of its JSON body, or None."""
        schema = operation.body.get("application/json")
        return None if schema is None else self.resolved(schema).get("example")

    def nullable(self, operation: Operation, name: str) -> bool:
        """Whether a field of its JSON body can be null."""
        told = self.resolved(operation.body["application/json"])["properties"][name]
        return not self.errors(told, None)

    def errors(self, schema: dict[str, Any], value: Any) -> list[str]:
        """What is wrong with a value."""
        return [f"{one.instance_path}: {one.message}" for one in self.validator(json.dumps(schema)).iter_errors(value)]

    def _validator(self, schema: str) -> Any:
        components = {"components": {"schemas": self.schemas}}
        return jsonschema_rs.Draft202012Validator(json.loads(schema) | components, validate_formats=True)

    def fails(self, operation: Operation, answer: httpx.Response) -> bool:
        """Whether an answer is the store's failure; where something is not set up, it says so by 503."""
        return answer.is_server_error and not (answer.status_code == UNAVAILABLE and operation.name in NEED_SETTINGS)

    def wrong(self, operation: Operation, answer: httpx.Response) -> list[str]:
        """How an answer departs from what is documented."""
        responses, status = operation.told["responses"], str(answer.status_code)
        if status not in responses:
            return [f"{status} is not documented: {answer.text[:300]}"]
        content = responses[status].get("content", {})
        kind = answer.headers.get("content-type", "").split(";")[0]
        if not content:
            return [] if not answer.content else [f"{status} has a body: {answer.text[:100]}"]
        fitting = [one for one in content if one == kind or (one.endswith("/*") and kind.startswith(one[:-1]))]
        if not fitting:
            return [f"{status} is {kind}, documented: {', '.join(content)}"]
        if not kind.endswith("json"):
            return []
        found = self.errors(content[fitting[0]]["schema"], answer.json())
        return found + (_wrong_code(answer, responses[status]["description"]) if kind == PROBLEM else [])


def _wrong_code(answer: httpx.Response, description: str) -> list[str]:
    code, status = answer.json()["code"], answer.status_code
    found = [] if CODES.get(code) == status else [f"{code} is no code of {status}"]
    if f"`{code}`" not in description:
        found.append(f"{code} is not among the documented: {description}")
    return found if answer.json()["status"] == status else [*found, "the status of the body is another"]


def filled(path: str, key: str | None = None) -> str:
    """A path with its parameter; without `key`, an id that never was."""
    return re.sub(r"{(\w+)}", lambda found: OTHERS.get(found[1], key or NOWHERE), path)
