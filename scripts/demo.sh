#!/bin/sh
# The main job in a minute: a guest that fails one time in ten is recorded until it fails; then the
# failing run itself is the bug report.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bold() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || bold() { printf '\n$ %s\n' "$*"; }

bold "solo5-build -t hvt --program flaky -o flaky.hvt     # C in, unikernel out"
solo5-build -t hvt --program flaky -o "$work/flaky.hvt"
cd "$work"

tries=0
status=0
while [ "$status" = 0 ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ]; then
        echo "200 runs and no failure: something is wrong with the demonstration" >&2
        exit 1
    fi
    rm -f flaky.mp
    status=0
    solo5-record -q -o flaky.mp flaky.hvt --solo5:quiet >console.txt 2>&1 || status=$?
done
bold "solo5-record flaky.hvt     # run $tries is the first that fails"
cat console.txt
echo "(status $status)"

bold "solo5-replay flaky.mp      # the same failure, as often as you like"
replayed=0
solo5-replay flaky.mp >replayed.txt 2>verdict.txt || replayed=$?
cat replayed.txt verdict.txt
echo "(status $replayed)"
cmp console.txt replayed.txt
[ "$replayed" = "$status" ]

bold "solo5-trace dump --replay flaky.mp | head -n 12     # everything that entered or left the guest"
solo5-trace dump --replay flaky.mp | head -n 12

bold "solo5-trace info flaky.mp"
solo5-trace info flaky.mp
