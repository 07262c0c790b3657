"""Pictures, and what tests do with them."""

import io
from typing import Any

import httpx
from PIL import Image

from tests import make
from truestyle.shop import Shop


def picture(kind: str = "PNG", size: tuple[int, int] = (400, 300), **saving: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, kind, **saving)
    return out.getvalue()


async def upload(client: httpx.AsyncClient, who: make.Person, content: bytes, name: str = "a.png") -> httpx.Response:
    return await client.post("/files/upload", files={"file": (name, content)}, headers=who.headers)


def path(answer: httpx.Response) -> str:
    return f"/files/{answer.json()['id']}"


async def held(shop: Shop) -> int:
    """How many files the storage has bytes of."""
    return len([one async for one in shop.storage.held()])
