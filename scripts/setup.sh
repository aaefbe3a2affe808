#!/bin/sh
# Make .venv with everything that building, running and testing needs. What is missing on the system
# is installed where that is possible (as root, with apt), else named with the command that does it.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

# need COMMAND-THAT-TESTS PACKAGES WHAT-FOR
need() {
    if sh -c "$1" >/dev/null 2>&1; then
        return 0
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing $2 ($3)"
        # shellcheck disable=SC2086  # several packages
        if { apt-get install -y -qq $2 || { apt-get update -qq && apt-get install -y -qq $2; }; } >&2 &&
            sh -c "$1" >/dev/null 2>&1; then
            return 0
        fi
    fi
    say "missing: $3"
    say "install it and start again:  sudo apt-get install $2"
    say "(or the like on another system)"
    exit 1
}

# want: as need, but without it only some tests are skipped.
want() {
    (need "$@") || say "going on without: the tests that want it will be skipped"
}

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

if [ "$(uname -sm)" != "Linux x86_64" ]; then
    say "this is $(uname -sm); solo5-replay needs Linux on x86_64"
    exit 1
fi
if ! find_python >/dev/null; then
    need 'python3 -c "import sys; sys.exit(sys.version_info < (3, 11))"' python3 "Python 3.11 or newer"
fi
python=$(find_python)
need "'$python' -c 'import venv, ensurepip'" python3-venv "Python's venv module"
need 'command -v gcc || command -v clang' 'gcc libc6-dev' "a C compiler, for guests and for the fast engine callbacks"
need 'command -v ld && command -v objcopy' binutils "the linker, for guests"
want 'command -v ip' iproute2 "namespaces and TAP interfaces, for tests on real networks"
want 'command -v ping' iputils-ping "ping, for tests on real networks"
want 'command -v curl' curl "curl, for tests on real networks"
want 'command -v tshark' tshark "tshark, for tests of what is exported for Wireshark"
want 'command -v genhtml' lcov "genhtml, for tests of what is exported for it"
want 'command -v tmux' tmux "tmux, for tests of the terminal interface"
want 'command -v gdb' gdb "gdb, to debug recordings and for tests of that"

[ -x .venv/bin/python ] || "$python" -m venv .venv
say "installing Python packages into .venv"
.venv/bin/python -m pip install -q --disable-pip-version-check -e '.[dev]' >&2
touch .venv/.ready
