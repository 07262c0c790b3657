"""/files: pictures, kept by everybody for ever because their content never changes."""

from fastapi import Request, Response

from truestyle.deps import ShopDep
from truestyle.files import service
from truestyle.infra.http.route import router
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.types import Id

routes = router("/files", tag="Files")
HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
}


@routes.get(
    "/{file_id}",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "Not modified."},
        **responses(NotFound),
    },
)
async def get_file(file_id: Id, request: Request, shop: ShopDep) -> Response:
    """The bytes of a public file."""
    file = await service.public(shop.store, file_id)
    headers = {**HEADERS, "etag": f'"{file.sha256[:32]}"'}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(await service.content(shop.storage, file), headers=headers, media_type=file.content_type)
