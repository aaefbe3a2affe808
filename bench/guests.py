"""The guests that are measured: shipped programs, and one made for its size."""

from __future__ import annotations

import random
from pathlib import Path

from replay.toolchain.build import BuildRequest, build_guest
from replay.toolchain.programs import find_program

_FUNCTIONS_IN_A_FILE = 1000
_CALLS_IN_A_FUNCTION = 50
_HEAD = """\
#include "solo5.h"
#include <stdint.h>
extern uint64_t words[256];
extern double reals[256];
"""
_MAIN = """\
uint64_t words[256] = {1, 2, 3};
double reals[256] = {1.5, 2.5, 3.5};
int solo5_app_main(const struct solo5_start_info *info)
{
    uint64_t value = info->heap_size;
"""


def build_program(name: str, directory: Path, target: str = "hvt") -> Path:
    """A shipped program, built for ``target`` in ``directory``."""
    return build_guest(find_program(name).request(target, directory / f"{name}.{target}"))


def build_wide(functions: int, directory: Path) -> Path:
    """A guest of ``functions`` functions that each run once, so that nearly all of its time is
    translation. The code is random but the same every time: branches, calls, constants, memory,
    doubles."""
    draw = random.Random(functions)
    sources = []
    for first in range(0, functions, _FUNCTIONS_IN_A_FILE):
        path = directory / f"wide{first}.c"
        path.write_text(_file(draw, range(first, min(first + _FUNCTIONS_IN_A_FILE, functions))))
        sources.append(path)
    main = directory / "wide.c"
    firsts = range(0, functions, _FUNCTIONS_IN_A_FILE)
    declared = "".join(f"uint64_t file{first}(uint64_t);\n" for first in firsts)
    called = "".join(f"    value = file{first}(value);\n" for first in firsts)
    main.write_text(f"{_HEAD}{declared}{_MAIN}{called}    return value == 1;\n}}\n")
    manifest = directory / "wide.json"
    manifest.write_text('{"type": "solo5.manifest", "version": 1, "devices": []}')
    return build_guest(
        BuildRequest("hvt", manifest, directory / "wide.hvt", (main, *sources), optimization="1")
    )


def _file(draw: random.Random, numbers: range) -> str:
    """Functions, and short callers of them: compilers are slow with long ones."""
    text = _HEAD + "".join(_function(draw, number, numbers.start) for number in numbers)
    callers = []
    for first in range(numbers.start, numbers.stop, _CALLS_IN_A_FUNCTION):
        called = range(first, min(first + _CALLS_IN_A_FUNCTION, numbers.stop))
        calls = "".join(f"    value = f{number}(value, value >> 7);\n" for number in called)
        text += f"static uint64_t calls{first}(uint64_t value)\n{{\n{calls}    return value;\n}}\n"
        callers.append(f"    value = calls{first}(value);\n")
    name = f"uint64_t file{numbers.start}(uint64_t value)"
    return f"{text}{name};\n{name}\n{{\n{''.join(callers)}    return value;\n}}\n"


def _function(draw: random.Random, number: int, first: int) -> str:
    lines = [_statement(draw) for _ in range(draw.randrange(4, 12))]
    if number > first and draw.random() < 0.5:
        lines.append(f"a += f{draw.randrange(first, number)}(a ^ b, a) & 1;")
    body = "".join(f"    {line}\n" for line in lines)
    head = f"uint64_t f{number}(uint64_t a, uint64_t b)"
    return f"{head};\n__attribute__((noinline)) {head}\n{{\n{body}    return a ^ b;\n}}\n"


def _statement(draw: random.Random) -> str:
    at, other = draw.randrange(256), draw.randrange(256)
    constant = draw.getrandbits(draw.choice((5, 8, 12, 20, 31, 32, 63)))
    return draw.choice(
        (
            f"a = a * {constant}u + b;",
            f"b ^= words[{at}] + (a >> {at % 64});",
            f"words[{at}] += a + {constant}u;",
            f"if (a & {1 << at % 40}u) b += words[{other}]; else a -= {constant}u;",
            f"if (words[{at}] > {constant}u) {{ words[{other}] = a; b++; }}",
            f"reals[{at}] = reals[{other}] * (double)(int64_t)a + {constant}.25;",
            f"for (unsigned i = 0; i < {at % 3 + 1}; i++) a += words[(i + b) & 255] ^ {constant}u;",
            f"a ^= b + *((uint32_t *)words + (a & 255)) + {constant}u;",
            f"b = (b << {at % 31 + 1}) | (b >> {64 - at % 31 - 1});",
        )
    )


def build_roaming(directory: Path) -> Path:
    """A guest that computes all over 4 MiB of memory for as many rounds of 22 instructions as its
    command line says. ``rare0`` to ``rare2`` are called once each, and the ``marker`` of
    ``lonely0`` to ``lonely2`` written: some 4.7 million rounds before the end, or half way where
    there are fewer."""
    source = directory / "roaming.c"
    source.write_text(_ROAMING)
    manifest = directory / "roaming.json"
    manifest.write_text('{"type": "solo5.manifest", "version": 1, "devices": []}')
    return build_guest(BuildRequest("hvt", manifest, directory / "roaming.hvt", (source,)))


RARE = 3
"""How many rare places the roaming guest has."""

_ROAMING = """\
#include "solo5.h"
#include <stdint.h>
static uint64_t hot[512 * 1024];
#define RARE(number) \\
    static struct { \\
        uint8_t before[4096]; \\
        volatile uint64_t marker; \\
        uint8_t behind[4096]; \\
    } lonely##number; \\
    __attribute__((noinline)) void rare##number(uint64_t round) \\
    { \\
        lonely##number.marker = round; \\
    }
RARE(0)
RARE(1)
RARE(2)
int solo5_app_main(const struct solo5_start_info *info)
{
    uint64_t rounds = 0, state = 1, sum = 0;
    for (const char *at = info->cmdline; *at >= '0' && *at <= '9'; at++)
        rounds = rounds * 10 + (uint64_t)(*at - '0');
    const uint64_t special = rounds > 9400000 ? rounds - 4700000 : rounds / 2;
    for (uint64_t round = 0; round < rounds; round++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        hot[state >> 45] += state ^ round;
        sum += state >> (round & 31);
        if (round - special < 3 * 100000) {
            if (round == special)
                rare0(round);
            if (round == special + 100000)
                rare1(round);
            if (round == special + 200000)
                rare2(round);
        }
        if ((round & 0xfffff) == 0)
            sum += solo5_clock_monotonic();
    }
    return sum == 42;
}
"""
