from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.errors import BadManifest
from monitors.manifest import (
    RESERVED_ENTRY,
    DeviceType,
    Manifest,
    ManifestEntry,
    manifest_of,
    parse_manifest,
)
from replay.toolchain.manifest_source import (
    BadManifestSource,
    load_manifest_json,
    manifest_c_source,
    read_manifest_source,
)

INCLUDE = Path(__file__).parents[4] / "guest/include"
BLOCK, NET = DeviceType.BLOCK_BASIC, DeviceType.NET_BASIC


def load(text: str) -> Manifest:
    return load_manifest_json(text, origin="manifest.json")


def source(*devices: object, **changes: object) -> str:
    root = {"type": "solo5.manifest", "version": 1, "devices": list(devices), **changes}
    return json.dumps({key: value for key, value in root.items() if value is not ...})


def device(name: object = "disk", type_: object = "BLOCK_BASIC", **more: object) -> object:
    record = {"name": name, "type": type_, **more}
    return {key: value for key, value in record.items() if value is not ...}


def test_devices_in_order():
    text = source(device(), device("net0", "NET_BASIC"))
    assert load(text) == manifest_of([("disk", BLOCK), ("net0", NET)])


def test_no_devices():
    assert load(source()) == Manifest()


@pytest.mark.parametrize(
    "text",
    [
        source(device()).replace(",", ""),
        source(device())[:-1] + ",}",
        source(device()) + " and more",
        source("nonsense")[:-1] + ', "devices": [{"name": "disk", "type": "BLOCK_BASIC",},],}',
    ],
    ids=["missing commas", "trailing comma", "text after the root", "repeated key"],
)
def test_looseness_that_upstream_has(text):
    assert load(text) == manifest_of([("disk", BLOCK)])


def test_same_name_twice_is_accepted():
    twice = load(source(device("a", "NET_BASIC"), device("a")))
    assert twice.device("a") == (1, ManifestEntry("a", NET))


def test_names_of_one_and_of_67_characters():
    names = ["a", "Z9" * 33 + "z"]
    assert [e.name for e in load(source(*map(device, names))).entries[1:]] == names


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (source(type=...), '"type"'),
        (source(version=...), '"version"'),
        (source(devices=...), '"devices"'),
        (source(type="solo5.abi"), '"type"'),
        (source(type=1), '"type"'),
        (source(version=2), '"version"'),
        (source(version="1"), '"version"'),
        (source(version=1.0), '"version"'),
        (source(version=True), '"version"'),
        (source(version=None), '"version"'),
        (source(devices={}), "not an array"),
        (source(devices=None), "not an array"),
        (source(extra=1), "unknown key 'extra'"),
        ("[]", "not an object"),
        ('"text"', "not an object"),
        (source("disk"), "device is not an object"),
        (source(device(extra=1)), "unknown key 'extra' in device"),
        (source(device(name=...)), 'device has no "name"'),
        (source(device(type_=...)), 'device has no "type"'),
        (source(device("")), "bad device name"),
        (source(device("a" * 68)), "bad device name"),
        (source(device("a-b")), "bad device name"),
        (source(device("a b")), "bad device name"),
        (source(device("ü")), "bad device name"),
        (source(device(5)), "bad device name"),
        (source(device(type_=1)), "bad device type"),
        (source(device(type_=None)), "bad device type"),
        (source(device(type_="A}; int x")), "bad device type"),
        (source(*[device(f"d{n}") for n in range(64)]), "too many entries, maximum 63"),
        ("", "end of the text"),
        ("/* no */ " + source(), "instead of a value"),
    ],
)
def test_refused_sources(text, problem):
    for read in (load_manifest_json, read_manifest_source):
        with pytest.raises(BadManifestSource, match=re.escape(problem)) as caught:
            read(text, origin="dir/manifest.json")
        assert (caught.value.origin, caught.value.line) == ("dir/manifest.json", 1)
        assert str(caught.value).startswith("dir/manifest.json:1: ")


def test_errors_name_their_line():
    text = json.dumps(json.loads(source(device(), device("a b"))), indent=1)
    with pytest.raises(BadManifestSource) as caught:
        load(text)
    assert '"a b"' in text.splitlines()[caught.value.line - 1]


def test_unknown_type_is_well_formed_but_means_nothing():
    found = read_manifest_source(source(device(type_="FOO")), origin="m.json")
    assert "MFT_DEV_FOO" in found.c_source()
    with pytest.raises(BadManifestSource, match=r"m\.json:1: unknown device type 'FOO'"):
        found.manifest()


def test_63_devices():
    assert len(load(source(*[device(f"d{n}") for n in range(63)])).entries) == 64


def test_c_source():
    text = manifest_c_source(manifest_of([("disk", BLOCK), ("net0", NET)]))
    assert text == (
        "/* Made by solo5-elftool from a JSON manifest. */\n"
        "#define MFT_ENTRIES 3\n"
        '#include "mft_abi.h"\n'
        "\n"
        "MFT1_NOTE_DECLARE_BEGIN\n"
        "{\n"
        "    .version = MFT_VERSION,\n"
        "    .entries = MFT_ENTRIES,\n"
        "    .e = {\n"
        '        { .name = "", .type = MFT_RESERVED_FIRST },\n'
        '        { .name = "disk", .type = MFT_DEV_BLOCK_BASIC },\n'
        '        { .name = "net0", .type = MFT_DEV_NET_BASIC },\n'
        "    }\n"
        "}\n"
        "MFT1_NOTE_DECLARE_END\n"
    )


def test_c_source_is_the_same_from_source_and_manifest():
    found = read_manifest_source(source(device(), device("n", "NET_BASIC")), origin="m.json")
    assert found.c_source() == manifest_c_source(found.manifest())


@pytest.mark.parametrize(
    "entry",
    [ManifestEntry("a", 99), ManifestEntry('a"', 1), ManifestEntry("a", DeviceType.RESERVED_FIRST)],
)
def test_manifests_that_no_source_can_say(entry):
    with pytest.raises(BadManifest):
        manifest_c_source(Manifest((RESERVED_ENTRY, entry)))


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")
@pytest.mark.skipif(shutil.which("objcopy") is None, reason="objcopy is not installed")
def test_compiled_note_is_the_manifest(tmp_path):
    manifest = manifest_of([("disk", BLOCK), ("net0", NET)])
    (tmp_path / "manifest.c").write_text(manifest_c_source(manifest))
    compile_ = ["cc", "-Wall", "-Wextra", "-Werror", "-c", "-I", INCLUDE, "manifest.c"]
    subprocess.run(compile_, cwd=tmp_path, check=True)
    extract = ["objcopy", "-O", "binary", "--only-section=.note.solo5.manifest"]
    subprocess.run([*extract, "manifest.o", "note"], cwd=tmp_path, check=True)
    note = (tmp_path / "note").read_bytes()
    assert int.from_bytes(note[4:8], "little") == 4 + len(manifest.pack())
    assert parse_manifest(note[24:]) == manifest


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 400), st.text(max_size=3), st.integers(0, 6))
def test_any_damage_is_accepted_or_refused_with_a_line(at, inserted, removed):
    text = source(device(), device("net0", "NET_BASIC"))
    at %= len(text)
    damaged = text[:at] + inserted + text[at + removed :]
    try:
        manifest = load(damaged)
    except BadManifestSource as error:
        line = error.line
    else:
        line = 1
        assert parse_manifest(manifest.pack()) == manifest
    assert 1 <= line <= damaged.count("\n") + 1
