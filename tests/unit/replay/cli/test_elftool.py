from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path

import pytest

from replay.cli.elftool import main

SOURCE = """{
  "type": "solo5.manifest",
  "version": 1,
  "devices": [
    { "name": "disk", "type": "BLOCK_BASIC" },
    { "name": "net0", "type": "NET_BASIC" }
  ]
}
"""
EMPTY = '{\n  "type": "solo5.manifest",\n  "version": 1,\n  "devices": [\n  ]\n}\n'


@pytest.fixture(scope="session")
def elf():
    path = Path(__file__).parents[2] / "monitors/elf_builder.py"
    if "elf_builder" not in sys.modules:
        spec = importlib.util.spec_from_file_location("elf_builder", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["elf_builder"] = module
        spec.loader.exec_module(module)
    return sys.modules["elf_builder"]


@pytest.fixture
def manifest(tmp_path) -> Path:
    path = tmp_path / "manifest.json"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def image(tmp_path, elf) -> Path:
    packed = elf.manifest_bytes((b"disk", 1), (b"net0", 2))
    path = tmp_path / "app.hvt"
    path.write_bytes(elf.Elf(manifest=elf.manifest_note(packed)).build())
    return path


def standard_input(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_gen_manifest_into_a_file(manifest, tmp_path, capsys):
    output = tmp_path / "manifest.c"
    assert main(["gen-manifest", str(manifest), str(output)]) == 0
    assert '{ .name = "disk", .type = MFT_DEV_BLOCK_BASIC },' in output.read_text()
    assert capsys.readouterr() == ("", "")


def test_gen_manifest_between_standard_streams(monkeypatch, capsys):
    standard_input(monkeypatch, SOURCE.encode())
    assert main(["gen-manifest", "-", "-"]) == 0
    assert "#define MFT_ENTRIES 3" in capsys.readouterr().out


def test_gen_manifest_into_a_device(manifest):
    assert main(["gen-manifest", str(manifest), "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


def test_unknown_device_type_is_left_to_the_compiler(tmp_path, capsys):
    path = tmp_path / "m.json"
    path.write_text(SOURCE.replace("NET_BASIC", "FOO"))
    assert main(["gen-manifest", str(path), "-"]) == 0
    assert "MFT_DEV_FOO" in capsys.readouterr().out


def test_refused_source_leaves_the_output_alone(tmp_path, capsys):
    devices = [{"name": f"storage{n}", "type": "BLOCK_BASIC"} for n in range(1, 65)]
    source = tmp_path / "many.json"
    source.write_text(json.dumps({"type": "solo5.manifest", "version": 1, "devices": devices}))
    output = tmp_path / "many.c"
    assert main(["gen-manifest", str(source), str(output)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{source}:1: too many entries, maximum 63" in err
    assert not output.exists()


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b'{"type": "solo5.man\xc3\xa4st"}'])
def test_bad_bytes_on_standard_input(monkeypatch, capsys, data):
    standard_input(monkeypatch, data)
    assert main(["gen-manifest", "-", "-"]) == 1
    assert "standard input:1: " in capsys.readouterr().err


def test_bytes_after_the_root_need_not_be_text(monkeypatch, capsys):
    standard_input(monkeypatch, SOURCE.encode() + b"\xff\xfe")
    assert main(["gen-manifest", "-", "-"]) == 0
    assert capsys.readouterr().err == ""


def test_endless_source(capsys):
    assert main(["gen-manifest", "/dev/zero", "-"]) == 1
    assert "larger than" in capsys.readouterr().err


def test_unreadable_and_unwritable_files(manifest, tmp_path, capsys):
    assert main(["gen-manifest", str(tmp_path / "none.json"), "-"]) == 1
    assert "none.json: cannot be read" in capsys.readouterr().err
    assert main(["gen-manifest", str(manifest), str(tmp_path / "none" / "m.c")]) == 1
    assert "m.c: cannot be written" in capsys.readouterr().err
    assert main(["query-abi", str(tmp_path)]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert main(["query-abi", "a\0b"]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_query_manifest(image, capsys):
    assert main(["query-manifest", str(image)]) == 0
    assert capsys.readouterr().out == SOURCE


def test_query_empty_manifest(tmp_path, elf, capsys):
    path = tmp_path / "app"
    path.write_bytes(elf.Elf().build())
    assert main(["query-manifest", str(path)]) == 0
    assert capsys.readouterr().out == EMPTY


def test_query_of_a_manifest_with_odd_contents(tmp_path, elf, capsys):
    packed = elf.manifest_bytes((b'\x1b[2J"\xff', 99))
    path = tmp_path / "app"
    path.write_bytes(elf.Elf(manifest=elf.manifest_note(packed)).build())
    assert main(["query-manifest", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out)["devices"] == [{"name": '\x1b[2J"\xff', "type": "0x63"}]


def test_generated_source_can_be_queried_back(manifest, image, tmp_path, capsys):
    main(["query-manifest", str(image)])
    queried = tmp_path / "queried.json"
    queried.write_text(capsys.readouterr().out)
    for path in (manifest, queried):
        main(["gen-manifest", str(path), str(path.with_suffix(".c"))])
    assert manifest.with_suffix(".c").read_text() == queried.with_suffix(".c").read_text()


@pytest.mark.parametrize(
    ("number", "target"), [(1, "hvt"), (6, "xen"), (5, "genode"), (8, "unknown")]
)
def test_query_abi(tmp_path, elf, capsys, number, target):
    path = tmp_path / "app"
    path.write_bytes(elf.Elf(abi=elf.abi_note(number, 3)).build())
    assert main(["query-abi", str(path)]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == {"type": "solo5.abi", "target": target, "version": 3}


def test_note_with_a_bad_size(tmp_path, elf, capsys):
    path = tmp_path / "buggy"
    path.write_bytes(elf.Elf(manifest=elf.note(elf.MANIFEST_TYPE, bytes(1))).build())
    assert main(["query-manifest", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path}: manifest note does not fall within valid size" in err


@pytest.mark.parametrize("command", ["query-manifest", "query-abi"])
def test_file_that_is_no_unikernel(manifest, capsys, command):
    assert main([command, str(manifest)]) == 1
    assert "not an ELF file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["gen-manifest"],
        ["gen-manifest", "a"],
        ["gen-manifest", "a", "b", "c"],
        ["query-abi"],
        ["query-manifest", "a", "b"],
    ],
)
def test_wrong_usage(arguments, capsys):
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: solo5-elftool")


def test_help(capsys):
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: solo5-elftool")


def test_arguments_of_the_process(monkeypatch, image, capsys):
    monkeypatch.setattr(sys, "argv", ["solo5-elftool", "query-abi", str(image)])
    assert main() == 0
    assert '"target": "hvt"' in capsys.readouterr().out


def test_check_portability(tmp_path, elf, capsys):
    path = tmp_path / "app.hvt"
    made = elf.text(data=b"\x0f\x53\xc1\xd9\xfe\xc3")
    path.write_bytes(made.build())
    assert main(["check-portability", str(path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(
        " ?: rcpps xmm0, xmm1: its result differs between processors (matters on kvm, native)"
    )
    assert ": fsin: " in second


def test_check_portability_finds_nothing_and_refuses_what_is_no_guest(image, tmp_path, capsys):
    assert main(["check-portability", str(image)]) == 0
    assert capsys.readouterr().out == "nothing that would not run everywhere alike\n"
    (tmp_path / "text").write_text("no ELF")
    assert main(["check-portability", str(tmp_path / "text")]) == 1
    assert "not an ELF file" in capsys.readouterr().err
