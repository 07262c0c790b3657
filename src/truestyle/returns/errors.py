"""What can stand in the way of a return."""

from typing import Any

from truestyle.kit.errors import Problem


class ReturnWindowClosed(Problem):
    """It is too late to send it back."""

    status, code, detail = 409, "return_window_closed", "The time in which this can be sent back is over."


class NotReturnable(Problem):
    """These pieces cannot be sent back. `reason`: `not_delivered`, `not_offered` or `none_left`."""

    status, code, detail = 409, "not_returnable", "This cannot be sent back."

    def __init__(self, reason: str, detail: str, **members: Any) -> None:
        super().__init__(detail, reason=reason, **members)
