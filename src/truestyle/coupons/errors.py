"""Why a coupon gives nothing."""

from truestyle.kit.errors import Problem


class CouponInvalid(Problem):
    """The code gives nothing; `reason` says why, in words for the shopper."""

    status, code, detail = 409, "coupon_invalid", "This coupon cannot be used."

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


def unknown(code: str) -> CouponInvalid:
    """There is no such code."""
    return CouponInvalid(f"There is no coupon {code}.")
