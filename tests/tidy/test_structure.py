"""Rules of the tree that no linter knows: matching tests, sizes, and who names an engine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("monitors", "traces", "replay")
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 700
ENGINE_NAMES = re.compile(r"\b(unicorn|kvm)\b", re.IGNORECASE)


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "__init__.py":
                yield path.relative_to(ROOT)


ALL_MODULES = tuple(modules())


def behaves(module: Path) -> bool:
    """Whether a module has code to test: pure values, protocols and constants have none."""
    tree = ast.parse((ROOT / module).read_text())
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))
    return any(not is_stub(function) for function in functions)


def is_stub(function: ast.FunctionDef) -> bool:
    return all(
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        for statement in function.body
    )


@pytest.mark.parametrize("module", [m for m in ALL_MODULES if behaves(m)], ids=str)
def test_every_module_has_its_test_file(module: Path) -> None:
    expected = ROOT / "tests" / "unit" / module.parent / f"test_{module.name}"
    assert expected.is_file(), f"{module} has no {expected.relative_to(ROOT)}"


@pytest.mark.parametrize("module", ALL_MODULES, ids=str)
def test_sizes_are_bounded(module: Path) -> None:
    text = (ROOT / module).read_text()
    assert text.count("\n") <= MODULE_LINES_MAX, f"{module} is too long"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{module}: {node.name} has {lines} lines"


@pytest.mark.parametrize("module", ALL_MODULES, ids=str)
def test_modules_and_public_names_are_documented(module: Path) -> None:
    tree = ast.parse((ROOT / module).read_text())
    assert ast.get_docstring(tree), f"{module} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}: {node.name} has no docstring"


@pytest.mark.parametrize("module", ALL_MODULES, ids=str)
def test_only_engines_and_programs_name_an_engine_in_code(module: Path) -> None:
    if module.parts[:2] in (("replay", "engines"), ("replay", "cli")):
        return
    names = {
        node.value
        for node in ast.walk(ast.parse((ROOT / module).read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and ENGINE_NAMES.fullmatch(node.value)
    }
    assert not names, f"{module} tells engines apart: {names}"


def test_the_engine_port_has_eight_methods() -> None:
    from replay.engines.ports import Engine

    methods = [name for name in vars(Engine) if not name.startswith("_")]
    assert sorted(methods) == [
        "close",
        "interrupt",
        "map",
        "read",
        "registers",
        "run",
        "set_registers",
        "write",
    ]


def test_unfinished_marks_are_absent() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    sources = [*our_guest_sources(), *(ROOT / module for module in ALL_MODULES)]
    found = [path for path in sources if marks.search(path.read_text())]
    assert not found


def our_guest_sources() -> Iterator[Path]:
    third_party = ROOT / "guest" / "third_party"
    for path in ROOT.glob("guest/**/*.[chS]"):
        if not path.is_relative_to(third_party):
            yield path
