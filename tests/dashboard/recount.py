"""The figures counted again, plainly, from the raw rows: what the dashboards are held against."""

from collections import defaultdict
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from truestyle.shop import Shop

NO_SALE = {"placed", "cancelled", "returned_to_origin"}


def rupees(paise: int) -> str:
    return f"{'-' if paise < 0 else ''}{abs(paise) // 100}.{abs(paise) % 100:02d}"


class Plain:
    """Every order and account, read one by one."""

    def __init__(self, orders: list[dict[str, Any]], users: list[dict[str, Any]], zone: ZoneInfo) -> None:
        self.orders, self.users, self.zone = orders, users, zone
        self.sold = [one for one in orders if one["status"] not in NO_SALE]

    @classmethod
    async def of(cls, shop: Shop) -> "Plain":
        orders = await shop.store.orders.collection.find({}).to_list()
        users = await shop.store.users.collection.find({}).to_list()
        return cls(orders, users, ZoneInfo(shop.store.shop.store_timezone))

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    @property
    def revenue(self) -> int:
        return sum(one["total"] - one["amount_refunded"] for one in self.sold)

    def sales(self) -> dict[date, tuple[int, int]]:
        found: dict[date, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.sold:
            row = found[self.day(one["placed_at"])]
            row[0] += 1
            row[1] += one["total"] - one["amount_refunded"]
        return {day: (orders, revenue) for day, (orders, revenue) in found.items()}

    def growth(self) -> dict[date, int]:
        found: dict[date, int] = defaultdict(int)
        for one in self.users:
            found[self.day(one["created_at"])] += 1
        return found

    def products(self) -> dict[str, tuple[int, int]]:
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.sold:
            for item in one["items"]:
                row = found[str(item["product_id"])]
                row[0] += item["quantity"]
                row[1] += item["line_total"]
        return {key: (pieces, revenue) for key, (pieces, revenue) in found.items()}

    def by(self, *path: str) -> dict[Any, tuple[int, int]]:
        found: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.sold:
            value: Any = one
            for step in path:
                value = value[step]
            found[value][0] += 1
            found[value][1] += one["total"] - one["amount_refunded"]
        return {key: (orders, revenue) for key, (orders, revenue) in found.items()}

    def statuses(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for one in self.orders:
            found[one["status"]] += 1
        return dict(found)
