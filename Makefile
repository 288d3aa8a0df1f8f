# One command for a newcomer: `make lab`. Everything is installed into .venv, nothing outside this folder.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# More for pytest, for example: make test ARGS="-k smtp"
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help lab test notebooks lint clean

help: ## Say what can be done here
	@echo "emaillab: a whole Internet mail system that fits in one notebook"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 : \2/p' $(MAKEFILE_LIST) | awk -F ' : ' '{ printf "%-16s  %s\n", $$1, $$2 }'

lab: $(VENV)/.lab-is-installed ## Install what is needed, then open JupyterLab on the first notebook
	@$(BIN)/emaillab lab

test: $(VENV)/.test-is-installed ## Install what is needed, then run every test
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS) tests/

notebooks: $(VENV)/.test-is-installed ## Run every notebook and store what it shows
	@$(BIN)/emaillab course execute

lint: $(VENV)/.test-is-installed ## Check style and types
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

clean: ## Remove .venv and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- How it gets there --------------------------------------------------------------------------------
# An empty file in .venv remembers each step, so that only a changed pyproject.toml installs again.

$(VENV)/.lab-is-installed: pyproject.toml $(VENV)/.is-made
	@echo "Installing emaillab and JupyterLab into $(VENV); the first time takes a few minutes ..."
	@$(BIN)/python -m pip install --quiet --editable ".[lab]"
	@touch $@

$(VENV)/.test-is-installed: pyproject.toml $(VENV)/.is-made
	@echo "Installing emaillab and its test tools into $(VENV); the first time takes a few minutes ..."
	@$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@ $(VENV)/.lab-is-installed

$(VENV)/.is-made:
	@command -v $(PYTHON) > /dev/null || { \
	  echo "emaillab needs Python 3.11 or newer, and there is no $(PYTHON) here." >&2; \
	  echo "Install it from your system's packages or from https://www.python.org, then try again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "emaillab needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "If there is a newer one here, name it, for example: make lab PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: a part of it is missing." >&2; \
	  echo "On Debian and Ubuntu, install the package python3-venv: sudo apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@
