# Everything a developer or an operator does by hand. Needs python3.11 or newer, and wrk for `make bench`.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" --quiet
# Tests run in this many processes; each has its own databases.
JOBS ?= 2
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test lint format bench lock openapi clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Create .venv and install the locked dependencies and the service

install-dev: $(VENV)/.installed-dev ## The same, with what tests and linters need

run: $(VENV)/.installed ## Start everything: embedded database, API and worker
	@exec $(BIN)/leads serve

test: $(VENV)/.installed-dev ## Run the whole test suite (TESTS=tests/leads for a part of it)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(TESTS)

lint: $(VENV)/.installed-dev ## Check style, types, import rules, Dockerfile and YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict compose.yaml
	$(BIN)/hadolint Dockerfile

format: $(VENV)/.installed-dev ## Let ruff rewrite what it can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev ## Measure against the yardstick (needs wrk); see docs/performance.md
	@command -v wrk >/dev/null || { echo "make bench needs wrk: apt-get install wrk"; exit 1; }
	$(BIN)/python benchmarks/run.py

openapi: $(VENV)/.installed ## Write openapi/openapi.json from the code
	$(BIN)/leads openapi

lock: $(VENV)/.installed-dev ## Resolve the dependencies anew and write the three locks
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(LOCK) --group build -o requirements-build.lock

clean: ## Remove what the other commands made, but never the data folder
	rm -rf $(VENV) dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock requirements-build.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Node comes as a wheel; the library that receivers in Node verify with comes from its own lock, hashes and all.
$(VENV)/.installed-dev: requirements-dev.lock tests/node/package-lock.json $(VENV)/.installed
	$(PIP) --require-hashes -r requirements-dev.lock
	mkdir -p $(VENV)/node && cp tests/node/package.json tests/node/package-lock.json $(VENV)/node/
	PATH="$(abspath $(BIN)):$$PATH" npm ci --prefix $(VENV)/node --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
