"""The yardstick: the least that an HTTP server in Python does. Everything else is measured in multiples of it."""

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

BODY = json.dumps({"text": "x" * 2036}).encode()  # 2 kB


async def answer(_: Request) -> Response:
    """The same bytes, always."""
    return Response(BODY, media_type="application/json")


app = Starlette(routes=[Route("/", answer)])
