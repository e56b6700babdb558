# The two commands of the README are `make run` and `make test`; `make help` lists the rest.
# Everything is installed into .venv in this folder, from requirements.lock alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := shared services/ingestor services/enricher services/loader local ops
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help run test check format lock upgrade clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: $(READY) ## tweets through the whole pipeline into a warehouse, on this machine
	@$(BIN)/tweetlog run

test: $(READY) ## every test
	@$(BIN)/python -m pytest $(TESTS)

check: $(READY) ## lint, format, types, and whether the lock is fresh
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@cp requirements.lock $(VENV)/fresh.lock && $(RESOLVE) --output-file $(VENV)/fresh.lock \
	  && cmp -s requirements.lock $(VENV)/fresh.lock \
	  || (echo "requirements.lock does not fit the pyproject files; run: make lock" && exit 1)

format: $(READY) ## rewrite the code in the project's format
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format --quiet

RESOLVE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra report \
  --no-header $(addprefix --no-emit-package ,tweetlog tweetlog-local tweetlog-ops ingestor enricher loader) \
  $(addsuffix /pyproject.toml,$(PACKAGES)) --group pyproject.toml:dev

lock: $(READY) ## fit requirements.lock to the pyproject files, over Python 3.11 to 3.14
	@$(RESOLVE) --output-file requirements.lock

upgrade: $(READY) ## the same, with the newest version of everything
	@$(RESOLVE) --upgrade --output-file requirements.lock

clean: ## remove the environment and what was built; data folders stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# uv installs the lock in seconds; where it has no wheel or cannot reach the index that pip is
# set up for, pip does the same more slowly.
$(READY): requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES))
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "tweetlog needs Python 3.11 or newer; $(PYTHON) is %d.%d. Try: make PYTHON=python3.12" % v[:2])'
	@echo "installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock || true
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock 2> $(VENV)/uv.log \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index $(addprefix -e ,$(PACKAGES))
	@touch $(READY)
