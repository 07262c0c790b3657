"""Who may do what: every operation of the OpenAPI document, as everybody. An unlisted operation fails.

The other seeds' paths are walked too: each lets in just whom its target lets in.
"""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests import make
from truestyle.aliases import ALIASES
from truestyle.shop import Shop

PEOPLE = ("nobody", "customer", "vendor", "staff", "admin")
ANYONE, SIGNED_IN, SELLERS, STAFF, ADMIN = PEOPLE, PEOPLE[1:], PEOPLE[2:], PEOPLE[3:], PEOPLE[4:]
LOOKUPS = (
    *("brands", "product_types", "occasions", "categories", "user_status", "review_status", "order_status"),
    *("return_status", "exchange_status", "payment_types", "payment_status", "coupons_status"),
)
CONTENT = (
    *("hero_images", "cards_1", "cards_2", "how_it_works", "testimonials", "about", "policies", "faq", "terms"),
    "store_details",
)
# Who gets past the guard. Whose rows they then see is the business of the tests of each feature.
MAY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("root", "health", "live", "ready"), ANYONE),
    **dict.fromkeys(("register", "login"), ANYONE),
    **dict.fromkeys(("verify_email", "verify_email_by_link", "resend_verification"), ANYONE),
    **dict.fromkeys(("request_password_reset", "reset_password"), ANYONE),
    "verify_mfa": ANYONE,
    **dict.fromkeys(("mfa_status", "set_up_mfa", "enable_mfa", "disable_mfa", "step_up"), SIGNED_IN),
    "renew_recovery_codes": SIGNED_IN,
    "remove_user_mfa": ADMIN,
    "google_callback": ANYONE,
    **dict.fromkeys(("change_email", "confirm_new_email", "list_sessions", "end_session"), SIGNED_IN),
    **dict.fromkeys(("logout", "change_password", "me", "profile", "update_profile"), SIGNED_IN),
    **dict.fromkeys(("add_address", "list_addresses", "get_address", "change_address", "patch_address"), SIGNED_IN),
    "remove_address": SIGNED_IN,
    "look_up_pincode": ANYONE,
    **{
        f"{verb}_{kept}": SIGNED_IN
        for kept in ("card", "upi")
        for verb in ("create", "get", "change", "patch", "remove")
    },
    **dict.fromkeys(("list_cards", "list_upis"), SIGNED_IN),
    **dict.fromkeys(("search_products", "suggest_products"), ANYONE),
    **dict.fromkeys(("list_products", "get_product_by_slug", "get_product", "get_file"), ANYONE),
    **dict.fromkeys(("upload_file", "remove_file"), SIGNED_IN),
    **dict.fromkeys(("compare_products", "list_related_products", "list_product_images"), ANYONE),
    "get_product_image": ANYONE,
    **{f"{verb}_product_image": SELLERS for verb in ("create", "change", "patch", "remove", "upload")},
    **dict.fromkeys(("create_product", "change_product", "patch_product", "remove_product"), SELLERS),
    **dict.fromkeys(("set_stock", "list_stock_movements", "import_products", "export_products", "get_job"), SELLERS),
    **dict.fromkeys(("preview_bulk_change", "list_changesets", "get_changeset", "list_changeset_items"), SELLERS),
    **dict.fromkeys(("apply_changeset", "undo_changeset"), SELLERS),
    **{f"{verb}_{name}": ANYONE for name in LOOKUPS for verb in ("list", "get")},
    **{f"{verb}_{name}": STAFF for name in LOOKUPS for verb in ("change", "patch", "remove")},
    **{f"create_{name}": STAFF for name in LOOKUPS if name != "categories"},
    **{f"{verb}_{name}": ANYONE for name in CONTENT for verb in ("list", "get")},
    **{f"{verb}_{name}": STAFF for name in CONTENT for verb in ("create", "change", "patch", "remove", "reorder")},
    **{f"reorder_{name}": STAFF for name in LOOKUPS},
    **dict.fromkeys(("export_my_data", "delete_me", "delete_my_account"), SIGNED_IN),
    **{f"{verb}_wishlist_item": SIGNED_IN for verb in ("create", "get", "change", "patch", "remove")},
    **dict.fromkeys(("list_wishlist_items", "move_to_cart"), SIGNED_IN),
    **dict.fromkeys(("create_admin", "list_users", "get_user", "change_user", "patch_user", "remove_user"), ADMIN),
    **dict.fromkeys(("set_user_role", "set_user_status", "list_roles", "list_permissions"), ADMIN),
    **dict.fromkeys(("list_reviews_of_product", "list_user_reviews", "get_user_review"), ANYONE),
    **{f"{verb}_user_review": SIGNED_IN for verb in ("create", "change", "patch", "remove")},
    **dict.fromkeys(("find_review_helpful", "take_back_helpful", "list_user_ratings"), SIGNED_IN),
    **{f"{verb}_user_rating": SIGNED_IN for verb in ("create", "get", "change", "patch", "remove")},
    "moderate_user_review": STAFF,
    "create_contact_message": ANYONE,
    **{f"{verb}_contact_message": STAFF for verb in ("get", "change", "patch", "remove")},
    **{f"{verb}_log": STAFF for verb in ("create", "get", "change", "patch", "remove")},
    **dict.fromkeys(("list_contact_messages", "list_logs"), STAFF),
    "list_role_permissions": ADMIN,
    **{f"dashboard_{name}": STAFF for name in ("overview", "sales", "user_growth", "top_products", "low_stock")},
    **dict.fromkeys(("dashboard_payment_mix", "dashboard_system_health", "admin_stats", "admin_system_health"), STAFF),
    **{f"analyse_{name}": STAFF for name in ("sales", "users", "top_products", "regions")},
    "list_pending_orders": STAFF,
    **dict.fromkeys(("list_accounts", "set_account_role", "get_integrity", "check_integrity"), ADMIN),
    **{
        f"{verb}_{kind}_log": ADMIN
        for kind in ("backup", "restore")
        for verb in ("create", "get", "change", "patch", "remove")
    },
    **dict.fromkeys(("list_backup_logs", "list_restore_logs"), ADMIN),
    **dict.fromkeys(("list_audit_entries", "get_audit_entry"), ADMIN),
    **dict.fromkeys(("list_schedules", "get_schedule", "run_schedule"), ADMIN),
    **dict.fromkeys(("list_dead_events", "get_event", "replay_event"), ADMIN),
    **{f"{verb}_webhook_endpoint": ADMIN for verb in ("create", "get", "change", "patch", "remove", "ping")},
    **dict.fromkeys(("list_webhook_endpoints", "change_webhook_secret", "list_webhook_deliveries"), ADMIN),
    **dict.fromkeys(("get_webhook_delivery", "replay_webhook_delivery"), ADMIN),
    **{f"{verb}_role": ADMIN for verb in ("create", "get", "change", "patch", "remove")},
    **{f"{verb}_permission": ADMIN for verb in ("create", "get", "remove")},
    **{f"{verb}_role_permission": ADMIN for verb in ("create", "get", "change", "patch", "remove")},
    "create_category": STAFF,
    "change_category": STAFF,
    "patch_category": STAFF,
    **dict.fromkeys(("get_cart", "add_to_cart", "sync_cart", "clear_cart", "change_cart_line"), ANYONE),
    **dict.fromkeys(("remove_cart_line", "create_cart_item", "list_cart_items", "get_cart_item"), ANYONE),
    **dict.fromkeys(("change_cart_item", "patch_cart_item", "remove_cart_item"), ANYONE),
    **dict.fromkeys(("use_coupon", "drop_coupon", "validate_coupon"), ANYONE),
    **{f"{verb}_coupon": STAFF for verb in ("create", "get", "change", "patch", "remove", "simulate")},
    "list_coupons": STAFF,
    "get_serviceability": ANYONE,
    **{f"{verb}_shipping_zone": STAFF for verb in ("create", "get", "change", "patch", "remove")},
    "list_shipping_zones": STAFF,
    **dict.fromkeys(("look_up_order", "open_order"), ANYONE),
    "reorder": SIGNED_IN,
    **{f"{verb}_order_item": SIGNED_IN for verb in ("create", "get", "change", "patch", "remove")},
    "list_order_items": SIGNED_IN,
    **dict.fromkeys(("quote_checkout", "check_out", "place_order"), ANYONE),
    **dict.fromkeys(("list_orders", "order_history", "get_order", "track_order", "cancel_order"), SIGNED_IN),
    **dict.fromkeys(("change_order", "patch_order", "pay_order"), SIGNED_IN),
    **dict.fromkeys(("list_payments", "get_payment"), SIGNED_IN),
    **{f"{verb}_payment": STAFF for verb in ("create", "confirm", "change", "patch", "remove")},
    **dict.fromkeys(("receive_webhook", "answer_challenge", "payment_qr_svg", "payment_qr_png"), ANYONE),
    "verify_payment": ANYONE,
    "check_settlement": STAFF,
    **dict.fromkeys(("move_order", "archive_order"), STAFF),
    **dict.fromkeys(("refund_order", "confirm_refund", "fail_refund", "retry_refund", "grant_store_credit"), STAFF),
    **dict.fromkeys(("list_refunds", "get_store_credit"), SIGNED_IN),
    "export_gstr1": STAFF,
    **dict.fromkeys(("export_catalogue", "export_sales"), STAFF),
    **dict.fromkeys(("export_orders", "export_users"), ADMIN),
    "get_job_file": SELLERS,
    **dict.fromkeys(("get_invoice", "list_credit_notes", "get_credit_note"), SIGNED_IN),
}
for _kind in ("return", "exchange"):
    MAY |= {f"{verb}_{_kind}": SIGNED_IN for verb in ("create", "get", "change", "patch", "move", "cancel")}
    MAY |= {f"list_{_kind}s": SIGNED_IN, f"archive_{_kind}": STAFF}
for _name in ("change_categories", "patch_categories"):  # these two are ordinary code, under other names
    del MAY[_name]
MULTIPART = {"check_settlement", "import_products", "upload_file", "upload_product_image"}
NO_BODY = {"update_profile"}
ELSEWHERE = {
    "refresh_token": "answers 401 to everybody without a refresh token: see tests/auth",
    "google_login": "answers 503 to everybody where Google is not set up: see tests/auth/test_google.py",
}


def operations(app: FastAPI) -> dict[str, tuple[str, str]]:
    return {
        operation["operationId"]: (method, path)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_is_classified(app: FastAPI) -> None:
    assert set(operations(app)) == set(MAY) | set(ELSEWHERE)


def every_way(app: FastAPI) -> list[tuple[str, str, str]]:
    """Operation, method and path of every operation, and of every alias that leads to one."""
    ours = operations(app)
    named = {(method, re.sub(r"{\w+}", "{}", path)): name for name, (method, path) in ours.items()}
    aliases = [
        (named[alias.to_method.lower(), "/api/v1" + alias.to_path], alias.method.lower(), "/api/v1" + alias.path)
        for alias in ALIASES
    ]
    return [(name, method, path) for name, (method, path) in ours.items()] + aliases


@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_gets_just_where_they_may(who: str, app: FastAPI, shop: Shop) -> None:
    person = None if who == "nobody" else await make.person(shop, who)
    headers = person.headers if person else {}
    wrong: list[tuple[Any, ...]] = []
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for name, method, template in every_way(app):
            if name in ELSEWHERE or name in {"logout", "login"}:  # these two end or need the session themselves
                continue
            path = re.sub(r"{\w*}", "65af0b12c4a1d2e3f4a5b6c7", template.replace("{pincode}", "560001"))
            sent: dict[str, Any] = {"json": {}} if method in {"post", "put", "patch"} and name not in NO_BODY else {}
            if name in MULTIPART:
                sent = {"files": {"file": ("empty.csv", b"")}}
            answer = await client.request(method, path, headers=headers, **sent)
            refused = answer.status_code in {401, 403}
            expected = 403 if person else 401
            if refused == (who in MAY[name]) or (refused and answer.status_code != expected):
                wrong.append((name, answer.status_code, answer.json().get("code")))
            assert answer.status_code < 500, (name, answer.text)
    assert wrong == []


async def test_what_is_anothers_looks_as_if_it_were_not_there(client: httpx.AsyncClient, shop: Shop) -> None:
    owner, other = await make.person(shop), await make.person(shop)
    product = await make.product(shop)
    await make.cart(shop, owner, {product.variants[0].sku: 1})
    order = (await client.post("/checkout", json=make.COD, headers=owner.headers)).json()["order_id"]
    address = (await client.post("/user-address", json=make.ADDRESS, headers=owner.headers)).json()["id"]
    await make.cart(shop, owner, {product.variants[0].sku: 1})
    line = (await client.get("/cart", headers=owner.headers)).json()["items"][0]["id"]
    body: dict[str, Any]
    for method, path, key, body in (
        ("GET", "/orders/{}", order, {}),
        ("GET", "/orders/{}/track", order, {}),
        ("GET", "/orders/{}/invoice", order, {}),
        ("GET", "/orders/{}/credit-notes", order, {}),
        ("POST", "/orders/{}/cancel", order, {"reason": "mine?"}),
        ("PUT", "/orders/{}", order, {"notes": "mine?"}),
        ("GET", "/user-address/{}", address, {}),
        ("PUT", "/user-address/{}", address, {"city": "Pune"}),
        ("DELETE", "/user-address/{}", address, {}),
        ("PUT", "/cart/{}", line, {"quantity": 2}),
        ("DELETE", "/cart/{}", line, {}),
        ("GET", "/cart-items/{}", line, {}),
    ):
        answers = []
        for ident in (key, "65af0b12c4a1d2e3f4a5b6c7"):
            answer = await client.request(method, path.format(ident), json=body or None, headers=other.headers)
            found = answer.json()
            answers.append((answer.status_code, {**found, "instance": "", "request_id": ""}))
        assert answers[0] == answers[1], path
        assert answers[0][0] == 404, path
    assert (await client.get(f"/orders/{order}", headers=owner.headers)).json()["status"] == "confirmed"
