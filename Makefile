# Everything a newcomer needs: `make run`, `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
# The first Python of the right age; name another with `make PYTHON=python3.12 …`
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: run test lint bench quality clean help lock tools

run: $(VENV)/installed  ## Install what is missing, fetch the model, index the policies, open the chat on :8000
	@$(BIN)/kefu serve

test: $(VENV)/installed-dev tools  ## Install what the tests need and run them all
	@$(BIN)/kefu model pull
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/installed-dev  ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/installed-dev  ## Run the benchmarks (minutes); tables on the screen, JSON in bench/results
	@$(BIN)/kefu model pull
	@for b in first_answer baseline; do $(BIN)/python -m bench.$$b || exit 1; done

quality: $(VENV)/installed-dev  ## Measure the quality (hours) and write docs/quality.md; DATA=folder for more tables
	@$(BIN)/kefu model pull
	@$(BIN)/python -m bench.quality $(if $(DATA),--data $(DATA))

lock: $(VENV)/uv  ## Resolve pyproject.toml into requirements*.txt anew
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:  ## Remove the environment and everything Kefu wrote here (not the downloaded models)
	@rm -rf $(VENV) .kefu .files .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info bench/results/*.json bench/results/*.jsonl
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

tools:
	@bash tests/install_tools.sh

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/uv:
	@test -n "$(PYTHON)" || { echo "Kefu needs Python 3.11, 3.12 or 3.13. Install one (Debian/Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python@3.12)."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Could not make $(VENV). On Debian/Ubuntu: sudo apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/installed: requirements.txt pyproject.toml | $(VENV)/uv
	@echo "Installing Kefu's packages (once) …"
	@$(BIN)/uv pip install --python $(BIN)/python -r requirements.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --editable .
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@$(BIN)/uv pip install --python $(BIN)/python --quiet -r requirements-dev.txt
	@touch $@
