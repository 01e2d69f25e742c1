# Everything rests on one virtual environment with everything in it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: setup site demo quick test fuzz nightly check bench peers clean help

help:
	@echo "make demo   remember a conversation, ask it questions, draw its graph"
	@echo "make quick  the tests of a working day: no servers, no kills, no long fuzz"
	@echo "make test   the whole test suite"
	@echo "make fuzz   random input, much of it: isolation, the console, calls, damaged files, long texts"
	@echo "make nightly  a thousand kills, every fault of every call, every damage to every file"
	@echo "make check  lint, formatting, types, import layers"
	@echo "make bench  speed as a store grows; quality on the data sets in DATA (../shared/data)"
	@echo "make site   the documentation as pages, in build/site"
	@echo "make peers  the same things told to other engines, each in an environment of its own"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "graphmem needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: setup
	$(BIN)/graphmem demo

# A folder in memory, where there is one with room.
SCRATCH ?= $(shell $(PYTHON) tests/scratch.py)

# How many run at once: as many as there are processors.
WORKERS ?= logical

PYTEST = $(if $(SCRATCH),TMPDIR=$(SCRATCH)) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
  --no-loadscope-reorder

quick: setup
	$(PYTEST) -m "not server and not slow"

test: setup
	$(PYTEST)

# Fifty times as much random input as in make test, another each time: about 100,000 isolation
# operations, 20,000 queries of the console, 20,000 calls of API, command line and importers.
# GRAPHMEM_SEED=… repeats a run.
FUZZ ?= 50
fuzz: setup
	GRAPHMEM_FUZZ=$(FUZZ) $(PYTEST) -s tests/engine/test_tenants.py tests/faults/test_call_fuzz.py \
	  tests/adapters/graph/test_guard_fuzz.py tests/adapters/graph/test_congruence.py \
	  tests/adapters/graph/test_console_fuzz.py tests/scale tests/engine/test_crowd.py \
	  tests/doors/http/test_openapi.py

# Ten times the kills of make test (100), and as much of what else kills and breaks at random:
# 1,000 kills over every operation that writes, 120 power cuts of the ledger, 24 threads and 200 tasks
# for a minute (five minutes in make fuzz), every damage to every file.
NIGHTLY ?= 10
nightly: setup
	GRAPHMEM_FUZZ=$(NIGHTLY) $(PYTEST) -s tests/faults tests/engine/test_processes.py \
	  tests/engine/test_damage.py tests/engine/test_misplaced_files.py tests/engine/test_crowd.py \
	  tests/adapters/graph/test_kill.py \
	  tests/migration/test_salvage.py tests/access tests/doors/http/test_hostile.py
	GRAPHMEM_FUZZ=$(NIGHTLY) $(PYTEST) -o timeout=1800 tests/doors/mcp/test_stdio.py \
	  tests/frameworks/test_frameworks.py tests/engine/test_life_on_servers.py
	mkdir -p $(RUNS)
	$(if $(SCRATCH),TMPDIR=$(SCRATCH)) $(BIN)/python -m tests.faults --results $(RUNS)/faults.jsonl

site: setup
	$(BIN)/sphinx-build -q -W -E -b html -c docs/site docs build/site
	@echo "build/site/index.html"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Any of these can be given: make bench LOCOMO=PATH/locomo10.json
DATA ?= ../shared/data
RUNS ?= bench-runs
LOCOMO ?= $(wildcard $(DATA)/locomo/locomo*.json)
MUSIQUE ?= $(filter-out %_corpus.json,$(wildcard $(DATA)/musique/musique*.json))
TRIPLES ?= $(wildcard $(DATA)/musique/openie*.json)
HOTPOTQA ?= $(filter-out %_corpus.json,$(wildcard $(DATA)/hotpotqa/hotpotqa*.json))
RUN = $(BIN)/graphmem bench run

bench: setup
	$(BIN)/python -m benchmarks.sweep --sizes 1000 10000
	$(if $(LOCOMO),$(RUN) locomo $(LOCOMO) --ablate --out $(RUNS)/locomo)
	$(if $(HOTPOTQA),$(RUN) hotpotqa $(HOTPOTQA) --ablate --out $(RUNS)/hotpotqa)
	$(if $(MUSIQUE),$(RUN) musique $(MUSIQUE) --ablate --out $(RUNS)/musique)
	$(if $(MUSIQUE),$(if $(TRIPLES),$(RUN) musique $(MUSIQUE) --triples $(TRIPLES) --ablate \
	  --out $(RUNS)/musique-given))

peers: setup
	$(BIN)/python -m benchmarks.peers --json $(RUNS)/peers.json

clean:
	rm -rf .venv build dist demo-memory .pytest_cache .mypy_cache .ruff_cache .hypothesis
