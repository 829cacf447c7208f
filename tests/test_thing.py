from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dmabuf_async.thing import Thing, key_of


class Lamp(Thing):
    STATE = ("on",)
    KIND = "lamp"

    def __init__(self, name: str, on: Any = False) -> None:
        super().__init__(name)
        self.on = on


class Signal(Thing):
    STATE = ("colour", "count")
    KIND = "signal"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.colour = 0
        self.count = 1


def test_a_key_is_the_same_in_every_process() -> None:
    assert key_of("cell x") == 0x95178339C66116D8


@given(st.text(), st.text())
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)


def test_the_kind_is_part_of_the_key() -> None:
    assert Lamp("x").key != Signal("x").key
    assert Lamp("x").key == Lamp("x").key == hash(Lamp("x"))


def test_things_are_equal_only_to_themselves() -> None:
    assert Lamp("x") != Lamp("x")
    assert len({Lamp("x"), Lamp("x")}) == 2


def test_a_thing_that_is_renamed_has_the_key_of_its_new_name() -> None:
    lamp = Lamp("x")
    lamp.rename("y")
    assert (lamp.name, lamp.key) == ("y", Lamp("y").key)


def test_one_field_is_its_own_state_and_several_are_a_tuple() -> None:
    assert Lamp("x", (1, 2)).state() == (1, 2)
    assert Signal("s").state() == (0, 1)


@given(st.one_of(st.booleans(), st.tuples(st.integers()), st.tuples(st.integers(), st.integers())))
def test_what_state_returned_can_be_put_back(value: Any) -> None:
    lamp = Lamp("x", value)
    state = lamp.state()
    lamp.on = "something else"
    lamp.restore(state)
    assert lamp.on == value


def test_several_fields_are_put_back_in_order() -> None:
    signal = Signal("s")
    signal.restore((5, 6))
    assert (signal.colour, signal.count) == (5, 6)


def test_the_key_tells_kind_and_name_apart_and_is_the_hash() -> None:
    assert Lamp("x").key == Lamp("x", on=True).key == hash(Lamp("x"))
    assert len({Lamp("x").key, Lamp("y").key, Signal("x").key}) == 3


def test_a_thing_shows_its_class_and_name() -> None:
    assert repr(Lamp("x")) == "<Lamp x>"
