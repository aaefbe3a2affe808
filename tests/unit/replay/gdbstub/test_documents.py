"""The XML says what the packets hold."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from replay.gdbstub.documents import memory_map, target_description, threads
from replay.gdbstub.registers import REGISTERS


def test_every_register_is_described_in_order() -> None:
    root = ET.fromstring(target_description().partition(b"?>")[2])
    found = [(reg.get("name"), int(reg.get("bitsize", ""))) for reg in root.iter("reg")]
    assert found == [(register.name, register.bits) for register in REGISTERS]
    assert root.findtext("architecture") == "i386:x86-64"


def test_every_type_is_one_that_clients_know_or_defined_before() -> None:
    root = ET.fromstring(target_description().partition(b"?>")[2])
    known = {"int", "int8", "int16", "int32", "int64", "uint128", "data_ptr", "code_ptr"}
    known |= {"i387_ext", "bfloat16", "ieee_single", "ieee_double"}
    for feature in root.iter("feature"):
        for part in feature:
            used = [part, *part] if part.tag != "flags" else []
            for each in used:
                assert each.get("type", "int") in known
            if "id" in part.attrib:
                known.add(part.attrib["id"])


def test_the_memory_map_has_all_memory() -> None:
    root = ET.fromstring(memory_map(0x123000).partition(b"?>")[2])
    (memory,) = root
    assert memory.attrib == {"type": "ram", "start": "0x0", "length": "0x123000"}


def test_names_are_quoted() -> None:
    root = ET.fromstring(threads('a<"&>'))
    assert [(thread.get("id"), thread.get("name")) for thread in root] == [("1", 'a<"&>')]
