"""A till and a cashier, as payments have them."""

from tests.orders.conftest import buyer
from tests.payments.conftest import cashier, packer, till

__all__ = ["buyer", "cashier", "packer", "till"]
