# The one door. `make help` lists what is behind it.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# More than there are cores: most tests wait, for programs that start, for brokers and for timers.
WORKERS ?= 6
# Where the environment forbids bytecode files, each of a thousand processes would compile anew.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help setup setup-dev oracles run cluster ride federation test check format lint types generated collected faults chaos bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## create the virtual environment with the pinned packages

setup-dev: $(VENV)/.ready-dev ## the same with what the tests need

$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing: sudo apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "The module venv is missing: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

oracles: $(VENV)/.ready-oracles ## other implementations to test against that need Python 3.12

$(VENV)/.ready-oracles: requirements-oracles.txt $(VENV)/.ready
	@$(BIN)/python tests/oracle_environment.py $(VENV)/oracles requirements-oracles.txt
	@if [ -d $(VENV)/oracles ]; then touch $@; fi

$(VENV)/.ready-dev: requirements-dev.txt requirements-stubs.txt $(VENV)/.ready
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP) install --no-compile --require-hashes -r requirements-dev.txt
	@rm -rf $(VENV)/stubs
	@$(PIP) install --require-hashes --no-deps --target $(VENV)/stubs -r requirements-stubs.txt
	@touch $@

run: setup ## start the fleet; ARGS="--vehicles 10 --port 8090 --data DIR"
	@exec $(BIN)/trifleet run $(ARGS)

cluster: setup ## a cluster of processes here; ARGS="faults" strikes it, ARGS="run --data DIR" keeps it
	@$(PIP) install --require-hashes -r requirements-scale.txt
	@exec $(BIN)/trifleet cluster $(or $(ARGS),run)

ride: setup ## make one ride against a stack of its own and verify its receipt offline
	@exec $(BIN)/trifleet ride $(ARGS)

federation: setup ## three owners witness each other, and a fork is refused; ARGS=--stay
	@exec $(BIN)/trifleet federation $(ARGS)

test: setup-dev oracles ## run all tests; ARGS="-k word" selects, WORKERS=0 runs them one after the other
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: ## format, lint, strict types, generated files, all tests
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target setup-dev oracles
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types lint generated collected
	@$(MAKE) --no-print-directory test

format: setup-dev ## put all files into their form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: setup-dev ## is every file in its form, and without known faults?
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: setup-dev ## strict types; firmware/ against what MicroPython has
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file firmware/mypy.ini

generated: setup-dev ## are the generated files what their sources say?
	@$(BIN)/python -m hw.can.generate --check
	@$(BIN)/python -m hw.uds.generate --check
	@$(BIN)/python tests/vectors/generate.py --check
	@$(BIN)/python -m fleet_backend.api.openapi --check
	@$(BIN)/python -m fleet_backend.web.vendor --check
	@$(BIN)/python -m trifleet.envelope --check
	@$(BIN)/python -m hw.harness --check
	@$(BIN)/python -m hw.harness.draw --check
	@$(BIN)/python -m hw.pictures --check
	@$(BIN)/python -m edge_gateway.schema --check
	@$(BIN)/python -m fleet_backend.anchors.contract.compile --check

collected: setup-dev ## can all tests be read? Also spares each worker of `test` to compile them
	@found=$$($(BIN)/python -m pytest --collect-only -qqq 2>&1) || { echo "$$found"; exit 1; }

faults: setup-dev ## the long fault runs: kill -9, disk errors and stops at every system call, and at random moments
	@$(BIN)/python -m pytest -m faults $(ARGS)

chaos: setup-dev ## 200 gateways, ten minutes, everything that can die dies; ARGS="--gateways 20 --minutes 1"
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: setup-dev ## measure, and print what README.md shows
	@$(BIN)/python -m tests.bench $(ARGS)

lock: setup-dev ## resolve requirements*.in into the hashed requirements*.txt
	@for name in requirements requirements-anchors requirements-scale requirements-dev requirements-stubs requirements-oracles; do \
	  case $$name in *-oracles) python=3.12 ;; *) python=3.11 ;; esac; \
	  $(BIN)/uv pip compile --quiet --universal --python-version $$python --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header $$name.in -o $$name.txt; done

clean: ## remove the virtual environment and what tools left; not the data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
