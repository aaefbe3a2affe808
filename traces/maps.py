"""Typed access to the maps of a trace (its header, its summary): every value is checked.

Unknown keys are passed over, because a later minor version may have added them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from traces.errors import DAMAGED, Corrupt
from traces.limits import HEADER_DEPTH_MAX, HEADER_ITEMS_MAX, U64_MAX


class MapView:
    """A map found at ``where`` in a trace; every getter raises Corrupt for what does not fit."""

    __slots__ = ("_values", "_where")

    def __init__(self, value: object, where: str) -> None:
        if type(value) is not dict:
            raise Corrupt(f"{where} is not a map", hint=DAMAGED)
        self._values: dict[object, object] = value
        self._where = where

    @property
    def values(self) -> dict[str, object]:
        """The whole map; keys that are not text were never ours and are left out."""
        return {key: value for key, value in self._values.items() if isinstance(key, str)}

    def integer(self, key: str, low: int = 0, high: int = U64_MAX) -> int:
        """The integer ``key`` in ``[low, high]``."""
        value = self._get(key)
        if type(value) is not int or not low <= value <= high:
            raise self._bad(key, f"is not an integer from {low} to {high}")
        return value

    def optional_integer(self, key: str) -> int | None:
        """The unsigned 64-bit integer ``key``, or None where the map has nil or nothing."""
        return None if self._values.get(key) is None else self.integer(key)

    def flag(self, key: str) -> bool:
        """The boolean ``key``."""
        value = self._get(key)
        if type(value) is not bool:
            raise self._bad(key, "is not true or false")
        return value

    def optional_flag(self, key: str) -> bool:
        """A boolean that is false where the key is missing."""
        return key in self.values and self.flag(key)

    def text(self, key: str, chars_max: int) -> str:
        """The text ``key`` of at most ``chars_max`` characters."""
        value = self._get(key)
        if type(value) is not str or len(value) > chars_max:
            raise self._bad(key, f"is not text of at most {chars_max} characters")
        return value

    def data(self, key: str, low: int, high: int) -> bytes:
        """The byte string ``key`` of ``low`` to ``high`` bytes."""
        value = self._get(key)
        if type(value) is not bytes or not low <= len(value) <= high:
            raise self._bad(key, f"is not a byte string of {low} to {high} bytes")
        return value

    def items(self, key: str, items_max: int) -> Sequence[MapView]:
        """The array of at most ``items_max`` maps called ``key``."""
        value = self._get(key)
        if type(value) is not list or len(value) > items_max:
            raise self._bad(key, f"is not an array of at most {items_max} maps")
        return [MapView(item, f"{self._where}.{key}[{at}]") for at, item in enumerate(value)]

    def part(self, key: str) -> MapView:
        """The map ``key``."""
        return MapView(self._get(key), f"{self._where}.{key}")

    def plain(self, key: str) -> Mapping[str, object]:
        """The free-form map ``key`` (empty where missing): plain values, bounded depth."""
        value = self._values.get(key, {})
        if type(value) is not dict or not is_plain(value):
            raise self._bad(key, "is not a map of plain values")
        return value

    def _get(self, key: str) -> object:
        try:
            return self._values[key]
        except KeyError:
            raise self._bad(key, "is missing") from None

    def _bad(self, key: str, why: str) -> Corrupt:
        return Corrupt(f"{self._where}.{key} {why}", hint=DAMAGED)


def is_plain(value: object, depth: int = HEADER_DEPTH_MAX) -> bool:
    """Whether ``value`` is nil, a boolean, an integer, text, bytes, or arrays and maps of those."""
    match value:
        case None | bool() | int() | str() | bytes():
            return True
        case list():
            inner = value
        case dict():
            if not all(type(key) is str for key in value):
                return False
            inner = list(value.values())
        case _:
            return False
    return (
        depth > 0
        and len(inner) <= HEADER_ITEMS_MAX
        and all(is_plain(item, depth - 1) for item in inner)
    )
