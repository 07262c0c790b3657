"""What a route says about how often it may be called. Who counts is elsewhere; a route only names its class."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from truestyle.infra.rates import Verdict
from truestyle.kit.errors import Problem

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
MARK = "__limit__"


class Limit(StrEnum):
    """Classes of routes; the rate of each is a setting, RATE_LIMIT_<NAME>."""

    DEFAULT = "default"  # whatever writes, and whatever needs a permission
    READ = "read"  # public GETs: counted by each process alone, so that they never wait for Redis
    LOGIN = "login"  # a password is checked
    OTP = "otp"  # a code is sent or checked
    REGISTER = "register"
    COUPON = "coupon"  # a coupon code may be guessed
    SEARCH = "search"
    EXPORT = "export"
    CONTACT = "contact"
    NONE = "none"  # health checks: a balancer asks them all the time


class RateLimited(Problem):
    """Too often."""

    status, code, detail = 429, "rate_limited", "Too many requests. Try again later."

    def __init__(self, seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})


def limited(limit: Limit, *, when: str | None = None) -> Callable[[Endpoint], Endpoint]:
    """Put a route into a class; `when`: only requests with this query parameter, the others as if nothing was said."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, MARK, (limit, when))
        return endpoint

    return mark


def headers_of(verdict: Verdict) -> dict[str, str]:
    """How a caller stands, for every answer of a limited route."""
    return {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(verdict.reset),
    }


def described() -> dict[str, Any]:
    """The headers of a refusal, for the OpenAPI document."""
    words = {
        "Retry-After": "Seconds after which to try again.",
        "RateLimit-Limit": "Requests that the class of this route allows in its time.",
        "RateLimit-Remaining": "Requests that are left now.",
        "RateLimit-Reset": "Seconds until there is room for one more.",
    }
    return {name: {"description": text, "schema": {"type": "integer"}} for name, text in words.items()}
