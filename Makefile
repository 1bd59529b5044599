# Everything a developer types. `make run` and `make test` need nothing but Python >= 3.11 and make; Java >= 17 and Maven add the Fuseki tests.

PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
UV_VERSION := 0.13.9
# A file of tests stays in one process, so that what its tests share is made once.
TEST_PROCESSES ?= 2
VENV := .venv
BIN := $(VENV)/bin
# The installer of the machine, or one in a corner of .venv where syncing the requirements does not remove it.
UV = $(or $(shell command -v uv),$(VENV)/tools/bin/uv)

# `make run PORT=8000 STORE=http://localhost:3030/kg` sets HUB_PORT and HUB_STORE.
ifdef PORT
export HUB_PORT := $(PORT)
endif
ifdef STORE
export HUB_STORE := $(STORE)
endif

.PHONY: run test demo bench lint lock docs fuseki venv venv-dev
.DEFAULT_GOAL := run

run: venv
	HUB_ANONYMOUS_ROLE=$${HUB_ANONYMOUS_ROLE:-contributor} $(BIN)/python -m server run --sample

test: venv-dev fuseki-if-possible lint
	$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=loadfile --no-loadscope-reorder --cov --cov-branch --durations=25

demo: venv-dev
	$(BIN)/python -m demo

bench: venv-dev fuseki-if-possible
	$(BIN)/python -m bench

lint: venv-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: venv
	$(BIN)/python -m server docs

# The short lists name what is imported; everything else is worked out and pinned here.
lock:
	$(UV) pip compile --quiet --no-header --python-version 3.11 requirements.in requirements-dev.in -o requirements-dev.txt
	$(UV) pip compile --quiet --no-header --python-version 3.11 requirements.in -c requirements-dev.txt -o requirements.txt

# Stamps say which requirements are installed, so that the second call finds nothing to do.
venv: $(VENV)/.installed

venv-dev: $(VENV)/.installed-dev

# Whoever has the development requirements keeps them: syncing the short list would remove them.
$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(UV) pip sync --quiet --python $(BIN)/python $(if $(wildcard $(VENV)/.installed-dev),requirements-dev.txt,requirements.txt)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt | $(BIN)/python
	$(UV) pip sync --quiet --python $(BIN)/python requirements-dev.txt
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with make PYTHON=…" >&2; exit 1; }
	@command -v uv >/dev/null || { $(PYTHON) -m venv $(VENV)/tools && $(VENV)/tools/bin/python -m pip install --quiet uv==$(UV_VERSION); }
	$(UV) venv --quiet --allow-existing --python "$(shell $(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)

# Maven fetches the Fuseki version that fuseki/pom.xml names.
fuseki: fuseki/jars/fuseki-server.jar

fuseki/jars/fuseki-server.jar: fuseki/pom.xml
	mvn --quiet --batch-mode --file fuseki/pom.xml dependency:copy
	@touch $@

.PHONY: fuseki-if-possible
fuseki-if-possible:
	@if command -v mvn >/dev/null && java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])'; then $(MAKE) --no-print-directory fuseki; \
	elif test "$$CI" = true; then echo "Fuseki needs Java >= 17 and Maven, and CI tests both stores" >&2; exit 1; \
	else echo "Without Java >= 17 and Maven the tests on Fuseki are skipped."; fi
