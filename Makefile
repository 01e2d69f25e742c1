# Everything rests on one virtual environment with everything in it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: setup demo test check bench clean help

help:
	@echo "make demo   remember a conversation, ask it questions, draw its graph"
	@echo "make test   the whole test suite"
	@echo "make check  lint, formatting, types, import layers"
	@echo "make bench  speed of writes and searches as a store grows"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "graphmem needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: setup
	$(BIN)/graphmem demo

test: setup
	$(BIN)/python -m pytest -n logical --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist demo-memory .pytest_cache .mypy_cache .ruff_cache .hypothesis
