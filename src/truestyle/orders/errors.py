"""What can stand in the way of an order."""

from truestyle.kit.errors import Problem


class CartEmpty(Problem):
    """There is nothing to order, or it was ordered just now."""

    status, code, detail = 409, "cart_empty", "The cart is empty."


class PriceChanged(Problem):
    """The total is not what the buyer expects; `quote` has the new one."""

    status, code, detail = 409, "price_changed", "The total has changed."


class NotDeliverable(Problem):
    """Nothing can be sent there."""

    status, code, detail = 409, "not_deliverable", "We cannot deliver to this PIN code."


class CodUnavailable(Problem):
    """This order cannot be paid on delivery."""

    status, code, detail = 409, "cod_unavailable", "Cash on delivery is not available for this order."


class NotEditable(Problem):
    """It is too late to change the order."""

    status, code, detail = 409, "not_editable", "This order can no longer be changed."


class CartBusy(Problem):
    """The cart changed while it was being ordered. Never answered: the checkout looks again."""

    status, code = 409, "cart_empty"
