"""The house rules, as tests: where things may be, and what every route must say."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from truestyle.shop import Shop

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "truestyle"
MODULES = sorted(SOURCE.rglob("*.py"))
LONGEST = 400
KNOWS_NO_FEATURE = ("kit", "infra")
MAY_QUERY = ("repository.py",)  # beside kit/ and infra/
# Writing without a permission: whoever may do these is decided by what they know (a password, a cart token).
OPEN_WRITES = {
    *("use_coupon", "drop_coupon", "validate_coupon"),
    "register",
    "verify_email",
    "resend_verification",
    "request_password_reset",
    "reset_password",
    "verify_mfa",
    "create_contact_message",
    *("look_up_order", "open_order"),
    "login",
    "refresh_token",
    "add_to_cart",
    "sync_cart",
    "clear_cart",
    "change_cart_line",
    "remove_cart_line",
    "create_cart_item",
    "change_cart_item",
    "patch_cart_item",
    "remove_cart_item",
    "quote_checkout",
    "check_out",
    "place_order",
    *("receive_webhook", "answer_challenge", "verify_payment"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    return found | {
        f"{node.module}.{one.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for one in node.names
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_nor_is_a_file_of_tests() -> None:
    tests = Path(__file__).parent
    long = [str(path.relative_to(tests)) for path in tests.rglob("*.py") if path.read_text().count("\n") > LONGEST]
    assert long == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=name_of)
def test_init_files_are_empty(path: Path) -> None:
    assert path.read_text() == ""


@pytest.mark.parametrize("path", [p for p in MODULES if p.relative_to(SOURCE).parts[0] == "kit"], ids=name_of)
def test_the_kit_knows_no_feature(path: Path) -> None:
    assert {
        one for one in imports(path) if one.startswith("truestyle.") and not one.startswith("truestyle.kit")
    } == set()


@pytest.mark.parametrize("path", [p for p in MODULES if p.relative_to(SOURCE).parts[0] == "infra"], ids=name_of)
def test_infra_knows_only_the_kit(path: Path) -> None:
    allowed = ("truestyle.kit", "truestyle.infra")
    assert {one for one in imports(path) if one.startswith("truestyle.") and not one.startswith(allowed)} == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_repositories_touch_collections(path: Path) -> None:
    where = path.relative_to(SOURCE)
    if where.parts[0] in KNOWS_NO_FEATURE or where.name in MAY_QUERY:
        return
    touched = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and (node.attr == "collection" or (isinstance(node.value, ast.Attribute) and node.value.attr == "db"))
    ]
    assert touched == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_features_meet_through_services_not_repositories(path: Path) -> None:
    where = path.relative_to(SOURCE)
    if where.name == "store.py" or where.parts[0] in KNOWS_NO_FEATURE:
        return
    mine = "truestyle." + ".".join(where.parent.parts)
    errors = {"InsufficientStock", "Duplicate"}
    foreign = {
        one
        for one in imports(path)
        if ".repository." in one
        and not one.startswith((mine, "truestyle.kit."))
        and one.rsplit(".", 1)[-1] not in errors
    }
    known = {"truestyle.auth.repository.SUBJECT"}
    assert foreign - known == set()


def test_stock_is_recorded_in_one_place() -> None:
    """Whoever writes movements past it would forget the low-stock alert."""
    found = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "write"
        if isinstance(node.value, ast.Attribute) and node.value.attr == "movements"
    }
    assert found == {"inventory/service.py"}


# Writes that leave no entry in the audit trail: locks, what a release brings, and what follows from other rows.
UNWATCHED = {
    ("auth/mfa/repository.py", "relock"),
    *(("backups/repository.py", verb) for verb in ("note", "follow")),
    ("auth/repository.py", "seed"),
    ("catalog/products/repository.py", "set_fit"),
    ("catalog/products/repository.py", "set_stock_flags"),
    ("catalog/products/repository.py", "sold"),
    ("catalog/products/repository.py", "relist"),
    ("catalog/products/repository.py", "rate"),
    ("catalog/products/repository.py", "rated"),
    *(("coupons/repository.py", verb) for verb in ("lock", "use", "give_back", "recount")),
    ("files/repository.py", "add"),
    ("files/repository.py", "drop_renditions"),
    ("files/repository.py", "hold"),
    *(("hooks/repository.py", verb) for verb in ("failed", "answered", "relock")),
    *(("invoices/repository.py", verb) for verb in ("credit", "keep")),
    ("inventory/repository.py", "lock"),
    ("kit/resource.py", "fill"),
    ("kit/resource.py", "hold"),
    ("orders/repository.py", "hold"),
    *(("payments/repository.py", verb) for verb in ("write", "call_off", "take_due", "look_no_more")),
    ("reviews/repository.py", "count_vote"),
    ("shipping/repository.py", "write"),
    ("reviews/repository.py", "set_helpful"),
    ("users/repository.py", "hold_admins"),
    ("upgrades/repository.py", "rewrite"),
    ("users/repository.py", "touch"),
}
# Collections whose writes leave none: machinery, scratchpads, and what is a trail itself.
UNAUDITED = {
    *("sessions", "token_revocations", "login_failures", "one_time_codes", "versions", "counters", "idempotency_keys"),
    *("outbox", "jobs", "carts", "wishlists", "changeset_items", "stock", "stock_movements", "audit", "audit_head"),
    *("figures", "figure_products", "figure_buyers", "counted", "feed_marks", "coupon_redemptions"),
    *("payment_webhooks", "sandbox_charges", "store_credit_balances", "schedules", "maintenance", "migrations"),
    *("webhook_deliveries", "webhook_cursor", "sitemap"),
}


def test_writes_past_the_audit_trail_are_listed() -> None:
    found = set()
    for path in MODULES:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef):
                inside = [node for node in ast.walk(function) if isinstance(node, ast.Attribute)]
                if any(node.attr in {"unwatched", "quiet"} for node in inside):
                    found.add((name_of(path), function.name))
    assert found == UNWATCHED


def test_collections_without_a_trail_are_listed(shop: Shop) -> None:
    assert {one.name for one in shop.store.collections() if one.unaudited} == UNAUDITED


def test_no_repository_leaves_the_watched_collection() -> None:
    """`with_options` gives a plain one, and so would asking the database."""
    for path in (one for one in MODULES if one.name in MAY_QUERY):
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        assert not [node.lineno for node in nodes if node.attr == "with_options"], path


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_write_names_a_permission_or_is_listed(app: FastAPI) -> None:
    unguarded = {
        operation["operationId"]
        for method, _, operation in operations(app)
        if method != "get" and not any(scopes for need in operation.get("security", []) for scopes in need.values())
    }
    assert unguarded == OPEN_WRITES


def test_every_operation_has_a_summary_a_unique_id_and_its_errors(app: FastAPI) -> None:
    found = operations(app)
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(ids) == len(set(ids))
    for _, path, operation in found:
        assert operation.get("description") or operation.get("summary"), path
        assert {"422", "503"} <= set(operation["responses"]), path


def test_create_bodies_have_examples(app: FastAPI) -> None:
    document = app.openapi()
    missing = []
    for method, path, operation in operations(app):
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rsplit("/", 1)[-1]
        if method == "post" and name and "example" not in document["components"]["schemas"][name]:
            missing.append((path, name))
    assert missing == []


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import truestyle.kit.repository, sys; print(*sys.modules, sep='\\n')"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {one for one in done.stdout.split() if one.startswith("truestyle.")}
    assert all(one.startswith("truestyle.kit") for one in loaded)
