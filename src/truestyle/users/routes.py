"""/users and /user-address: what people do with their own account."""

from typing import Annotated

from fastapi import Depends, Form, Path, Request, Response, UploadFile

from truestyle.deps import Db, ShopDep, SignedInCaller, Version
from truestyle.files.models import FileRefused, FileTooLarge, InvalidImage
from truestyle.infra.http.route import changing, router
from truestyle.kit.errors import NotFound, VersionConflict, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import LINE_PATTERN, Id, Pincode
from truestyle.users import addresses, service
from truestyle.users import profile as profiles
from truestyle.users.addresses import Address, AddressBookWrite, PincodeAnswer
from truestyle.users.models import DAY, Gender, UserAnswer
from truestyle.users.service import AddressBookChange

routes = router(tag="Users")
book = router(tag="Addresses")
# Read as text, so that an empty value can clear; the service knows the rules that are told here.
FullName = Annotated[str | None, Form(max_length=200, json_schema_extra={"pattern": LINE_PATTERN})]
FormPhone = Annotated[str | None, Form(max_length=20, json_schema_extra={"pattern": f"^$|{LINE_PATTERN}"})]
FormGender = Annotated[str | None, Form(max_length=20, json_schema_extra={"enum": ["", *Gender]})]
FormDay = Annotated[str | None, Form(max_length=10, json_schema_extra={"anyOf": [{"const": ""}, DAY]})]


async def _emptied(request: Request) -> list[str]:
    # FastAPI takes an empty form value for an absent one; here it means: clear.
    return [name for name, value in (await request.form()).items() if value == ""]


@routes.get("/users/profile")
async def profile(store: Db, caller: SignedInCaller) -> UserAnswer:
    """The account that is signed in."""
    return (await store.users.get(caller.user_id)).answer(store.shop)


@routes.put("/users/profile-update", responses=responses(VersionConflict, FileTooLarge, InvalidImage, FileRefused))
async def update_profile(
    shop: ShopDep,
    caller: SignedInCaller,
    emptied: Annotated[list[str], Depends(_emptied)],
    version: Version,
    full_name: FullName = None,
    phone: FormPhone = None,
    gender: FormGender = None,
    date_of_birth: FormDay = None,
    image: UploadFile | None = None,
) -> UserAnswer:
    """Change one's own account (multipart form, with a picture if wanted); an empty value clears a field."""
    sent = {"full_name": full_name, "phone": phone, "gender": gender, "date_of_birth": date_of_birth}
    texts = {name: value for name, value in sent.items() if value is not None} | dict.fromkeys(emptied, "")
    return (await profiles.update(shop, caller, texts, image, version)).answer(shop.store.shop)


@book.post("/user-address", status_code=201)
async def add_address(body: AddressBookWrite, response: Response, store: Db, caller: SignedInCaller) -> Address:
    """Add to one's address book; the first is the default."""
    address = await service.add_address(store, caller, body)
    response.headers["location"] = f"{store.shop.api_v1_prefix}/user-address/{address.id}"
    return address


@book.get("/user-address")
async def list_addresses(
    store: Db, caller: SignedInCaller, query: Annotated[PageQuery, paging("-created_at", "created_at")]
) -> Page[Address]:
    """One's address book."""
    return (await store.addresses.find({"user_id": caller.user_id}, query)).page()


@book.get("/user-address/{address_id}", responses=responses(NotFound))
async def get_address(address_id: Id, store: Db, caller: SignedInCaller) -> Address:
    """One address of one's own."""
    return await store.addresses.get(address_id, user_id=caller.user_id)


@changing(book, "/user-address/{address_id}", responses=responses(NotFound, VersionConflict))
async def change_address(
    address_id: Id, body: AddressBookChange, store: Db, caller: SignedInCaller, version: Version
) -> Address:
    """Change an address; what is left out stays."""
    return await service.change_address(store, caller, address_id, body, version)


@book.delete("/user-address/{address_id}", status_code=204, responses=responses(NotFound))
async def remove_address(address_id: Id, store: Db, caller: SignedInCaller) -> None:
    """Delete an address; the newest left becomes the default."""
    await service.remove_address(store, caller, address_id)


@book.get("/address/{pincode}", responses=responses(NotFound))
async def look_up_pincode(pincode: Annotated[Pincode, Path(description="Six digits.")]) -> PincodeAnswer:
    """What India Post's directory says of a PIN code; offline."""
    found = addresses.look_up(pincode)
    if found is None:
        raise NotFound
    return found
