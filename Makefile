# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON_FILES = monitors traces replay tests bench scripts docs
BIN = .venv/bin

.DEFAULT_GOAL = help
.PHONY: help setup demo test lint check bench stress docs clean

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/	/' | expand -t 10

setup: .venv/.ready  ## .venv with all packages; says what the system lacks

.venv/.ready: pyproject.toml scripts/setup.sh replay/engines/unicorn/_hooks.c \
		replay/engines/_opcodes.h replay/engines/_survey.c $(wildcard replay/engines/native/agent/*) \
		traces/_events.c $(wildcard traces/*.h)
	@./scripts/setup.sh

demo: setup  ## build a guest, record it until it fails, replay the failure
	@./scripts/demo.sh

test: setup  ## all tests, on all processors
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

lint: setup  ## format, style, types, import direction
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## what CI runs

bench: setup  ## measure, as ratios in one run; rewrites bench/results.md
	$(BIN)/python -m bench

stress: setup  ## long runs that are no tests: kill -9, five million events, 1 GiB, floods, journeys
	$(BIN)/python tests/stress/kill9.py
	$(BIN)/python tests/stress/soak.py
	$(BIN)/python tests/stress/block_1g.py
	$(BIN)/python tests/stress/upstream_pings.py
	$(BIN)/python tests/stress/flood.py
	$(BIN)/python tests/stress/traffic.py
	$(BIN)/python tests/stress/journeys.py --seconds 600
	$(BIN)/python tests/stress/gdb_sessions.py

docs: setup  ## what is generated in docs/: the support matrix, tables, pictures
	$(BIN)/python docs/make_support_matrix.py
	$(BIN)/python docs/make_tui_tables.py
	$(BIN)/python scripts/screenshot.py

clean:  ## everything that was made
	rm -rf .venv build *.egg-info replay/engines/*.so replay/engines/*/*.so traces/*.so .mypy_cache .ruff_cache .pytest_cache
