from __future__ import annotations

from replay.export.folded import fold, folded_lines
from replay.player.samples import Called

MAIN, PAY, ROUND = Called("main"), Called("pay"), Called("round", is_inlined=True)


def test_stacks_are_counted() -> None:
    folded = fold([(MAIN, PAY), (MAIN,), (MAIN, PAY), (MAIN, PAY, ROUND)])
    assert folded == {("main", "pay"): 2, ("main",): 1, ("main", "pay", "round_[i]"): 1}
    assert folded_lines(folded) == b"main 1\nmain;pay 2\nmain;pay;round_[i] 1\n"


def test_names_are_harmless() -> None:
    strange = (Called("a;b"), Called("\x1b[2J\n"), Called(""), Called("\udcff"))
    assert folded_lines(fold([strange])) == b"a:b;\\x1b[2J\\n;[unknown];\\udcff 1\n"


def test_nothing() -> None:
    assert folded_lines(fold([])) == b""
