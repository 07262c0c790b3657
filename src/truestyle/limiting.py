"""How often whom: charges each request of a limited route to its account and its client.

An account has the rate of the class. So has a client (an IPv4 address or an IPv6 /64) that is not signed in. Behind one
address of a mobile network there may be many people, so signed-in requests from one address have CROWD times the rate.
"""

from fastapi import Request

from truestyle.auth.errors import Unauthenticated
from truestyle.auth.gate import Gate, token_in
from truestyle.infra.http.clients import key_of
from truestyle.infra.http.limits import Limit, RateLimited, headers_of
from truestyle.infra.limiter import Limiter
from truestyle.infra.rates import Charge, Rate, Verdict
from truestyle.setting_groups import LimitSettings

CROWD = 10


class Limits:
    """Lets requests in, or not."""

    def __init__(self, settings: LimitSettings, gate: Gate, limiter: Limiter) -> None:
        self._gate, self._limiter = gate, limiter
        self._rates: dict[Limit, Rate] = {
            one: Rate.parse(getattr(settings, f"rate_limit_{one}")) for one in Limit if one != Limit.NONE
        }

    async def admit(self, request: Request, limit: Limit) -> None:
        """Count a request; its answer will say how the caller stands. Raises RateLimited."""
        rate, client = self._rates[limit], key_of((request.scope.get("client") or (None,))[0])
        if limit is Limit.READ:
            verdict = self._limiter.here.hit_one(f"read:{client}", rate)
        else:
            verdict = await self._shared(request, limit, rate, client)
        request.scope["state"]["headers"] = headers_of(verdict)
        if not verdict.allowed:
            raise RateLimited(verdict.reset)

    def read(self, client: str | None) -> tuple[bool, list[tuple[bytes, bytes]]]:
        """Count a public read that is answered from the page cache: whether it may be, and how the client stands."""
        verdict = self._limiter.here.hit_one(f"read:{key_of(client)}", self._rates[Limit.READ])
        return verdict.allowed, [
            (b"ratelimit-limit", b"%d" % verdict.limit),
            (b"ratelimit-remaining", b"%d" % verdict.remaining),
            (b"ratelimit-reset", b"%d" % verdict.reset),
        ]

    async def _shared(self, request: Request, limit: Limit, rate: Rate, client: str) -> Verdict:
        raw, charges = token_in(request.headers), [Charge(f"{limit}:guest:{client}", rate)]
        if raw is not None:
            try:
                caller = await self._gate.caller(raw)
            except Unauthenticated:
                pass  # a guest, who may not try tokens without end either
            else:
                request.scope["state"]["known"] = caller
                charges = [
                    Charge(f"{limit}:account:{caller.user_id}", rate),
                    Charge(f"{limit}:crowd:{client}", rate.times(CROWD)),
                ]
        return await self._limiter.hit(charges)
