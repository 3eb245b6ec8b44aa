# Two commands matter: `make run` and `make test`. Both set up what they need first.

VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash
# extra words for pytest: make test ARGS="-k gates"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test test-browser schema lint format lock clean bench

help:
	@echo "make run        set up and start web, worker and beat (DEMO=0 starts without the demo; PORT=8000)"
	@echo "make test       set up and run the tests on the embedded SQLite (ARGS=... goes to pytest)"
	@echo "make schema     record the API's schema and its list of events in docs/, unless that would break clients"
	@echo "make lint       ruff, mypy and the import contracts"
	@echo "make format     let ruff format the code"
	@echo "make test-browser  the tests that drive Chromium"
	@echo "make bench      measure against raw SQL and other ways, at two sizes (needs PostgreSQL: DATABASE_URL)"
	@echo "make lock       make the lock files anew from pyproject.toml (needs uv)"

$(BIN)/python:
	@set -e; \
	for python in $${PYTHON:-} python3.11 python3; do \
	  if command -v $$python >/dev/null && $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
	    echo "Creating $(VENV) with $$($$python --version)"; \
	    exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "gatekeeper needs Python 3.11, and neither python3.11 nor python3 is one. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; \
	exit 1

# A changed lock file is newer than its stamp, so the next start installs again; otherwise nothing is asked.
$(VENV)/.setup: requirements.lock | $(BIN)/python
	@echo "Installing what requirements.lock names"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# The dev lock holds everything of the other one in the same versions, so it counts for both.
$(VENV)/.setup-dev: requirements-dev.lock | $(BIN)/python
	@echo "Installing what requirements-dev.lock names"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.setup

# the command line client; the package itself is not installed, it runs from here
$(BIN)/gatekeeper: | $(BIN)/python
	@ln -sf ../../scripts/gatekeeper $@

setup: $(VENV)/.setup $(BIN)/gatekeeper
setup-dev: $(VENV)/.setup-dev $(BIN)/gatekeeper

run: $(VENV)/.setup $(BIN)/gatekeeper
	@exec $(BIN)/python manage.py run_all

test: $(VENV)/.setup-dev
	@BIN=$(BIN) scripts/test $(ARGS)

test-browser: $(VENV)/.setup-dev
	$(BIN)/pytest tests/browser -m browser -n 2 --dist worksteal --ignore tests/browser/test_story.py $(ARGS)
	$(BIN)/pytest tests/browser/test_story.py -m browser

schema: $(VENV)/.setup-dev
	@$(BIN)/python manage.py record_schema

bench: $(VENV)/.setup-dev
	@BIN=$(BIN) scripts/bench

lint: $(VENV)/.setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --no-emit-index-url: where the packages came from is nobody's business but the installer's.
UV := UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links
lock:
	$(UV) pyproject.toml -o requirements.lock
	$(UV) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
