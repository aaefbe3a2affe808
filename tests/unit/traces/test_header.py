from __future__ import annotations

from collections.abc import Callable

import msgpack
import pytest

from traces.errors import Corrupt, WrongVersion
from traces.header import VERSION, Header, header_from_map, header_to_map


def test_round_trip_through_msgpack(make_header: Callable[..., Header]) -> None:
    header = make_header(embedded=True)
    values = msgpack.unpackb(msgpack.packb(header_to_map(header)))
    assert header_from_map(values, VERSION) == header


def test_first_three_keys_never_change(make_header: Callable[..., Header]) -> None:
    assert list(header_to_map(make_header()))[:3] == ["format", "version", "created_by"]


def test_unknown_keys_are_passed_over(make_header: Callable[..., Header]) -> None:
    values = header_to_map(make_header())
    values["later"] = {"deep": [1]}
    values["guest"]["later"] = 1
    assert header_from_map(values, VERSION) == make_header()


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("guest", "sha256", b"short"),
        ("guest", "size", -1),
        ("guest", "size", 2**40),
        ("guest", "embedded", 1),
        ("guest", "name", "x" * 300),
        ("machine", "mem_size", 0),
        ("machine", "mem_size", 2**33),
        ("machine", "tsc_hz", 0),
        ("machine", "cpu", [1]),
        ("boot", "command_line", "text"),
        ("boot", "command_line", b"x" * 70_000),
        ("boot", "devices", [{}] * 64),
        ("boot", "devices", [{"handle": 1}]),
    ],
)
def test_what_does_not_fit_is_refused(
    make_header: Callable[..., Header], part: str, key: str, value: object
) -> None:
    values = header_to_map(make_header())
    values[part][key] = value
    with pytest.raises(Corrupt, match=f"header.{part}.{key}"):
        header_from_map(values, VERSION)


@pytest.mark.parametrize("part", ["guest", "machine", "boot", "created_by"])
def test_missing_parts_are_named(make_header: Callable[..., Header], part: str) -> None:
    values = header_to_map(make_header())
    del values[part]
    with pytest.raises(Corrupt, match=f"header.{part} is missing"):
        header_from_map(values, VERSION)


def test_device_of_a_later_version_is_refused(make_header: Callable[..., Header]) -> None:
    values = header_to_map(make_header())
    values["boot"]["devices"][0]["type"] = "quantum"
    with pytest.raises(WrongVersion, match="quantum"):
        header_from_map(values, VERSION)
