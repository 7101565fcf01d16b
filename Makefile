# Everything sets itself up: a .venv by uv where there is one, else by venv and pip, from the
# committed lock files. Nothing else is needed but Python 3.11 or newer and a package index.

PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& command -v "$$each" && break; done)
UV ?= $(shell command -v uv 2>/dev/null)
# The tests start some hundred processes: each would compile every library anew where this is set.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo run test trials lint format bench mutants lock reference screenshots release test-cluster clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.runtime ## See the bot at work in a browser; options by ARGS="--nodes 50"
	@exec $(BIN)/python -m bot demo $(ARGS)

run: $(VENV)/.runtime ## Run the bot itself; options by ARGS="--config FILE"
	@exec $(BIN)/python -m bot run $(ARGS)

test: $(VENV)/.dev ## Run all tests; options by ARGS="-k name"
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(ARGS)

trials: $(VENV)/.dev ## Break a running bot in every way; takes minutes, wants a quiet machine
	@$(BIN)/python -m pytest -n auto --maxprocesses 2 -m trial $(ARGS)

lint: $(VENV)/.dev ## Check style, types and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure; options by ARGS="--only NAME"
	@$(BIN)/python -m tests.bench $(ARGS)

mutants: $(VENV)/.dev ## Break each promise's code once and see its test fail
	@$(BIN)/python -m tests.mutants $(ARGS)

lock: $(VENV)/.dev ## Renew the lock files from pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-find-links pyproject.toml -o requirements.lock $(ARGS)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-find-links pyproject.toml --group test --group lint --group build \
		-o requirements-dev.lock $(ARGS)

reference: $(VENV)/.dev ## Renew the documentation that is made from the code
	@$(BIN)/python -m tests.reference

screenshots: $(VENV)/.dev ## Make the README's pictures from a live demo
	@$(BIN)/python -m tests.browser.screenshots docs/images

release: $(VENV)/.dev ## Build wheel, sdist and chart into dist/, and the image where an engine is
	@$(BIN)/python -m tests.packaging.release $(ARGS)

test-cluster: $(VENV)/.dev ## Try chart and adapters on the cluster that KUBECONFIG names
	@test -n "$$KUBECONFIG" || { echo "error: KUBECONFIG names no cluster" >&2; exit 2; }
	@$(BIN)/python -m pytest -m cluster $(ARGS)

clean: ## Remove what was set up and made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one or say PYTHON=..." >&2; exit 2; }
ifneq ($(UV),)
	@$(UV) venv -q --python "$(PYTHON)" $(VENV)
else
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "error: $(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
endif

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock
	@echo "setting up $(VENV) from requirements.lock"
ifneq ($(UV),)
	@$(UV) pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
else
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip -q
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
endif
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements-dev.lock
	@echo "setting up $(VENV) from requirements-dev.lock"
ifneq ($(UV),)
	@$(UV) pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip -q
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@touch $@ $(VENV)/.runtime
