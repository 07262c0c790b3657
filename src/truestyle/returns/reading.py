"""Returns and exchanges as they are read."""

from typing import Any

from truestyle.returns.flow import Kind, allowed_actions
from truestyle.returns.models import ExchangeAnswer, Return, ReturnAnswer


def return_answer(row: Return) -> ReturnAnswer:
    """A return for its buyer or the staff."""
    return ReturnAnswer.model_validate(_facts(row))


def exchange_answer(row: Return) -> ExchangeAnswer:
    """An exchange for its buyer or the staff."""
    facts = _facts(row)
    lines = [{**one.model_dump(), "new_sku": one.replacement and one.replacement.sku} for one in row.items]
    return ExchangeAnswer.model_validate({**facts, "items": lines})


def answer(row: Return) -> ReturnAnswer | ExchangeAnswer:
    """Whichever it is."""
    return return_answer(row) if row.kind is Kind.RETURN else exchange_answer(row)


def _facts(row: Return) -> dict[str, Any]:
    return {**row.model_dump(), "allowed_actions": allowed_actions(row.kind, row.status)}
