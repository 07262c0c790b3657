from itertools import pairwise, product

from truestyle.orders import flow
from truestyle.orders.flow import NEXT, OrderStatus

S = OrderStatus
LEGAL = {
    (S.PLACED, S.CONFIRMED),
    (S.PLACED, S.CANCELLED),
    (S.CONFIRMED, S.PACKED),
    (S.CONFIRMED, S.CANCELLED),
    (S.PACKED, S.SHIPPED),
    (S.PACKED, S.CANCELLED),
    (S.SHIPPED, S.OUT_FOR_DELIVERY),
    (S.SHIPPED, S.RETURNED_TO_ORIGIN),
    (S.OUT_FOR_DELIVERY, S.DELIVERED),
    (S.OUT_FOR_DELIVERY, S.RETURNED_TO_ORIGIN),
}


def test_exactly_the_documented_moves_are_legal() -> None:
    assert {(one, after) for one, later in NEXT.items() for after in later} == LEGAL
    assert {(one, after) for one, after in product(S, S) if one in flow.before(after)} == LEGAL


def test_the_states_that_allow_cancelling_and_editing() -> None:
    assert set(flow.CANCELLABLE) == {S.PLACED, S.CONFIRMED, S.PACKED}
    assert set(flow.EDITABLE) == {S.PLACED, S.CONFIRMED}


def test_a_history_is_a_path_from_placed() -> None:
    way = [S.PLACED, S.CONFIRMED, S.PACKED, S.SHIPPED, S.OUT_FOR_DELIVERY, S.DELIVERED]
    assert flow.is_path(way)
    assert all(pair in LEGAL for pair in pairwise(way))
    assert not flow.is_path([])
    assert not flow.is_path(way[1:])
    assert not flow.is_path([S.PLACED, S.PACKED])
    assert not flow.is_path([*way, S.CANCELLED])


def test_clients_are_told_what_can_be_done_now() -> None:
    assert flow.allowed_actions(S.CONFIRMED) == ["cancel", "edit", "status:packed"]
    assert flow.allowed_actions(S.SHIPPED) == ["status:out_for_delivery", "status:returned_to_origin"]
    assert flow.allowed_actions(S.DELIVERED) == []
