"""Hashes: argon2id, the seeds' bcrypt_sha256 and bcrypt, verified and replaced at login."""

import string

import pytest
from httpx import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import make
from truestyle.auth import bcrypt_sha256
from truestyle.auth.passwords import Passwords
from truestyle.shop import Shop

HINDI, LONG = "पासवर्ड लंबा", "x" * 100
# Made with passlib 1.7.4 (its `bcrypt_sha256` versions 2 and 1, and `bcrypt`), 4 rounds.
BY_PASSLIB = [
    ("password", "$bcrypt-sha256$v=2,t=2b,r=4$ZSRl4h4qTTXx5TWzZBD1Je$ea7f1kzj.635cUkqnn3.27HLHCTRMyu"),
    ("password", "$bcrypt-sha256$2b,4$kWt2LuwApBK/PfkNx9.qZe$GiV9U2ieCc600qVt3exnmZFaltwMhHG"),
    ("password", "$2b$04$7q.yYpkxx..48jb3AEU/UuHnVf4JdUXO6yk1Pfu4jHHmB/DGqEo0m"),
    (HINDI, "$bcrypt-sha256$v=2,t=2b,r=4$sTrq0gWZwA3kD3goTaEn0O$CBgeklwIKZQIBSYDiuU3mLN1/rBhG36"),
    (HINDI, "$bcrypt-sha256$2b,4$roqq4juhn8uZnf5JJ61Jyu$iQU4vfn.XJJeZ0G.LXhHM.rxkitpRhC"),
    (HINDI, "$2b$04$Q3d8iTYF7RiazyBaWxEPduVJKPHMa8G2x/qBKjXiaAcKFmkPKo42."),
    (LONG, "$bcrypt-sha256$v=2,t=2b,r=4$dLm/q65GTMTixb8wLdmWge$WBY40i53.WaV64z/j2bPG3LzvrSHWdK"),
    (LONG, "$bcrypt-sha256$2b,4$tYf9LF9OL/by87TL8cLhGO$R/1c2H8PqzxbUa83wjSvyOASP6F.S4q"),
    (LONG, "$2b$04$gRn5pAwgJzlIOTawc3G9juAoaAtDS6B9r13rBaB.nuaJmA43/FZ42"),
]
KINDS = ["v2", "v1", "bcrypt"] * 3


@pytest.mark.parametrize(("password", "stored"), BY_PASSLIB, ids=KINDS)
def test_what_passlib_made_is_verified(password: str, stored: str) -> None:
    assert bcrypt_sha256.identify(stored)
    assert bcrypt_sha256.verify(password, stored)
    assert not bcrypt_sha256.verify("y" + password[1:], stored)
    assert not bcrypt_sha256.is_current(stored)


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=string.printable, min_size=1, max_size=100), st.text(min_size=1, max_size=20))
def test_what_we_make_is_verified_and_nothing_else(password: str, other: str) -> None:
    stored = bcrypt_sha256.hash_password(password, rounds=4)
    assert stored.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")
    assert bcrypt_sha256.verify(password, stored)
    assert bcrypt_sha256.verify(other, stored) is (other == password)


@pytest.mark.parametrize("broken", ["", "plain", "$2b$04$short", "$bcrypt-sha256$v=3,t=2b,r=4$x$y", "$argon2id$v=19"])
async def test_what_is_no_hash_verifies_nothing(broken: str) -> None:
    passwords = Passwords()
    try:
        assert not bcrypt_sha256.verify("password", broken)
        if not broken.startswith("$argon2"):
            assert not await passwords.verify("password", broken)
    finally:
        passwords.close()


async def _sign_in(client: AsyncClient, email: str, password: str) -> int:
    return (await client.post("/auth/login", json={"email": email, "password": password})).status_code


@pytest.mark.parametrize(("password", "stored"), BY_PASSLIB, ids=KINDS)
async def test_an_old_hash_is_replaced_when_its_owner_signs_in(
    client: AsyncClient, shop: Shop, password: str, stored: str
) -> None:
    user = (await make.person(shop, password_hash=stored)).user
    assert await _sign_in(client, user.email, "wrong " + password) == 401
    assert (await shop.store.users.get(user.id)).password_hash == stored  # only the right password tells it is old
    assert await _sign_in(client, user.email, password) == 200
    fresh = (await shop.store.users.get(user.id)).password_hash
    assert fresh is not None
    assert fresh.startswith("$argon2id$v=19$m=")
    assert await _sign_in(client, user.email, password) == 200
    assert (await shop.store.users.get(user.id)).password_hash == fresh


async def test_the_scheme_is_a_setting_and_works_the_other_way_too(shop: Shop) -> None:
    modern, seeds = Passwords("argon2id"), Passwords("bcrypt_sha256")
    try:
        by_argon2, by_bcrypt = await modern.hash("a phrase"), await seeds.hash("a phrase")
        assert by_argon2.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert by_bcrypt.startswith("$bcrypt-sha256$v=2,t=2b,r=12$")
        for one in (modern, seeds):
            assert await one.verify("a phrase", by_argon2)
            assert await one.verify("a phrase", by_bcrypt)
        assert (modern.outdated(by_argon2), modern.outdated(by_bcrypt)) == (False, True)
        assert (seeds.outdated(by_argon2), seeds.outdated(by_bcrypt)) == (True, False)
    finally:
        modern.close()
        seeds.close()
    assert shop.settings.auth.password_scheme == "argon2id"
