# Every target that needs Python sets it up first, in .venv of this checkout, and does nothing where that is done.

PYTHON ?= python3
PY := .venv/bin/python
STAMP := .venv/installed
PIP := $(PY) -m pip --quiet --disable-pip-version-check --no-input

# The exact versions are those of Python 3.11; any other Python takes what the ranges of pyproject.toml allow.
IS_311 = $(shell $(PYTHON) -c 'import sys; print(*sys.version_info[:2], sep=".")' | grep -x 3.11)
CONSTRAINTS = $(if $(IS_311),-c constraints-py311.txt)

# A process more than there are CPUs, for half of the time a test waits: at most 4, each with whole files of
# tests; `make test SPLIT=` is one process for all.
SPLIT ?= -n $(shell $(PYTHON) -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))')

.PHONY: help setup demo test test-fast check lint format viewer bench clean
.DEFAULT_GOAL := help

help:
	@grep -E '^## ' Makefile | sed 's/^## //'

## setup      make .venv with everything in it, the test tools too
setup: $(STAMP)

# torch comes first and by pip, which takes the build for this machine. The stamp is made last: an install
# that was interrupted is begun again.
$(STAMP): pyproject.toml constraints-py311.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another one: make PYTHON=python3.11")'
	@echo "Setting up .venv (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(PIP) install $(CONSTRAINTS) uv
	@$(PIP) install $(CONSTRAINTS) torch==2.13.0
	@.venv/bin/uv pip install --quiet --python $(PY) $(CONSTRAINTS) -e '.[cluster,test,dev,train,openvino]'
	@touch $(STAMP)

## demo       draw a small archive, make its mosaics, and a picture of each: see demo-output/
demo: $(STAMP)
	@$(PY) -m jobs demo

## test       the whole test suite
test: $(STAMP)
	@$(PY) -m pytest $(SPLIT) --durations=10

## test-fast  the unit and property tests: all but those of whole jobs, faults and clusters, and slow ones
test-fast: $(STAMP)
	@$(PY) -m pytest $(SPLIT) -m 'not slow' --ignore tests/jobs --ignore tests/runs --ignore tests/faults --ignore tests/cluster

## lint       formatting, ruff, mypy
lint: $(STAMP)
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

## check      lint, then test: what a change must pass
check: lint test

## format     rewrite the code in the project's format, and mend what ruff can
format: $(STAMP)
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

## bench      time the job against the bare network
bench: $(STAMP)
	@$(PY) -m tests.bench

## viewer     build the pages of the map viewer and of a test anew, from the lock file (Node 20 and npm)
viewer:
	@cd sgddiff_batch/viewer/source && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

## clean      remove what the other targets made, but for .venv
clean:
	@rm -rf demo-output build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
