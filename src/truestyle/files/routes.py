"""/files: pictures, kept by everybody for ever because their content never changes."""

from typing import Annotated

from fastapi import Query, Request, Response, UploadFile

from truestyle.deps import OPTIONAL_SIGN_IN, MaybeCaller, ShopDep, SignedInCaller
from truestyle.files import renditions, service
from truestyle.files.models import FileAnswer, FileRefused, FileTooLarge, Format, InvalidImage, RangeNotSatisfiable
from truestyle.files.service import Limits
from truestyle.files.serving import respond
from truestyle.infra.http.route import router
from truestyle.kit.errors import InUse, NotFound, responses
from truestyle.kit.types import Id

routes = router("/files", tag="Files")
BINARY = {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}


@routes.post("/upload", status_code=201, responses=responses(FileTooLarge, InvalidImage, FileRefused))
async def upload_file(file: UploadFile, response: Response, shop: ShopDep, caller: SignedInCaller) -> FileAnswer:
    """Keep a picture (JPEG, PNG or WebP)."""
    kept = await service.upload(shop.store, shop.storage, caller, file, Limits.of(shop.settings))
    answer = service.answer(kept, shop.settings.shop)
    response.headers["location"] = answer.url
    return answer


@routes.get(
    "/{file_id}",
    response_class=Response,
    openapi_extra=OPTIONAL_SIGN_IN,
    responses={
        200: {"description": "The file.", **BINARY},
        206: {"description": "The part that `Range` asked for.", **BINARY},
        304: {"description": "Not modified."},
        **responses(NotFound, RangeNotSatisfiable),
    },
)
async def get_file(
    file_id: Id,
    request: Request,
    shop: ShopDep,
    caller: MaybeCaller,
    w: Annotated[int | None, Query(ge=1, le=4096, description="Width in pixels; the next of a ladder is sent.")] = None,
    format: Annotated[Format | None, Query(description="Encode as.")] = None,  # noqa: A002 - the contract's name
) -> Response:
    """The bytes of a file, or of a smaller copy of a picture."""
    file = await service.visible(shop.store, caller, file_id)
    if w is not None or format is not None:
        made = await renditions.of(shop.store, shop.storage, file, w, format or Format.WEBP)
        return await respond(request, shop.storage, made, public=file.public)
    return await respond(request, shop.storage, file, public=file.public)


@routes.delete("/{file_id}", status_code=204, responses=responses(NotFound, InUse))
async def remove_file(file_id: Id, shop: ShopDep, caller: SignedInCaller) -> None:
    """Delete a file of one's own that nothing names."""
    await shop.store.files.get(file_id, **service.PICTURE, **service.owned(caller))
    await service.remove(shop.store, shop.storage, file_id)
