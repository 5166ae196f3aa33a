# Every command runs from .venv, which the first one makes from requirements.lock. `make help` lists them.
# Kept to what GNU Make 3.81 knows: macOS ships no newer one.

EXECUTED := $(or $(PROFILE),smoke)
PROFILE ?= cpu
JOBS ?= 2
FUZZ_SECONDS ?= 600
ARGS ?=
COVERED := $(CURDIR)/.coverage

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
CHECK := import sys; sys.exit(sys.version_info < (3, 11))
VERSION := import sys; print(sys.version_info[:2])
NOTEBOOKS := $(notdir $(basename $(sort $(wildcard notebooks/*.ipynb))))
PANELS := $(filter index explore,$(NOTEBOOKS))

# Kernels start 12 s later without bytecode, so nothing here may be talked out of writing it.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup test coverage test-slow test-notebook test-browser notebooks fuzz chromium lint lock lab docs gallery clean FORCE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  make <id>           regenerates one figure or table; there is one for each notebook:'
	@echo '                      $(filter-out $(PANELS),$(NOTEBOOKS))'
	@echo 'Options: PROFILE=smoke|cpu|...  ARGS="..." (passed on)  JOBS=2 (test processes)  PYTHON=python3.12'

setup: $(STAMP)  ## makes or updates .venv
	@:

test: setup  ## the fast tests
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

coverage: setup  ## the fast tests, and how much of the code they run: docs/coverage.md
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=json:$(COVERED)/report.json $(ARGS)
	$(BIN)/python docs/coverage_page.py $(COVERED)/report.json

test-slow: setup  ## the tests that train, draw, or drive a browser
	@$(MAKE) --no-print-directory chromium || echo 'The tests that need it are skipped.'
	@$(BIN)/python -m pytest -n $(JOBS) -m 'slow and not gpu' $(ARGS); rc=$$?; \
	if [ $$rc -eq 5 ]; then echo 'There are no slow tests to run.'; else exit $$rc; fi

test-notebook:  ## executes NOTEBOOK=<file name> and tests it; EFFNET_KEEP=<folder> keeps what it made
	$(if $(filter $(NOTEBOOK),$(NOTEBOOKS)),,$(error NOTEBOOK is one of: $(NOTEBOOKS)))
	@$(MAKE) --no-print-directory setup
	$(BIN)/python -m pytest -m slow tests/notebooks/test_every_notebook.py -k $(NOTEBOOK) $(ARGS)

test-browser: setup chromium  ## JupyterLab in a real browser; installs Chromium where it may
	$(BIN)/python -m pytest -m browser $(ARGS)

fuzz: setup  ## tries inputs that nobody thought of, for FUZZ_SECONDS=600; docs/fuzzing.md
	PYTHONPATH=tests $(BIN)/python -m support.fuzzing --seconds $(FUZZ_SECONDS) $(ARGS)

# Debian's package; Ubuntu's of that name only points to a snap, which the last line tells from a browser.
chromium:
	@found() { command -v chromium || command -v chromium-browser || command -v google-chrome; }; \
	if found >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	  echo 'Installing Chromium: once, about 80 s.'; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 || true; \
	fi; \
	found >/dev/null || { echo 'No Chromium: install your system'"'"'s package (Debian: sudo apt-get install chromium).' >&2; exit 1; }

# One process a core and one thread a process is by far the fastest on small machines.
test coverage test-slow test-notebook test-browser notebooks fuzz: export OMP_NUM_THREADS = 1
coverage: export COVERAGE_FILE = $(COVERED)/data

notebooks: setup  ## executes every notebook, in profile smoke unless another is given
	$(BIN)/effnet run all --profile $(EXECUTED) $(ARGS)
	@set -e; to="$${EFFNET_FIGURES:-figures}/$(EXECUTED)"; mkdir -p "$$to"; for name in $(PANELS); do \
	  $(BIN)/papermill notebooks/$$name.ipynb "$$to/$$name.ipynb" --no-progress-bar; done

lint: setup  ## style of the code and the notebooks, spelling, types, direction of the imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

# Versions stay as they are unless pyproject.toml asks for others; ARGS=--upgrade looks for newer ones.
lock:  ## rewrites requirements.lock
	$(or $(wildcard $(BIN)/uv),uv) pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --annotation-style line --custom-compile-command 'make lock' -q -o requirements.lock $(ARGS)

lab: setup  ## JupyterLab on this machine only, with its token, opened on an index of the notebooks
	$(BIN)/jupyter lab --ip 127.0.0.1 $$([ "$$(id -u)" -ne 0 ] || echo --allow-root) $(ARGS) notebooks/index.ipynb

docs: setup  ## the documentation site, docs/_build/html/index.html, without a network
	$(BIN)/python docs/site $(ARGS)

gallery: setup  ## all artefacts as one static site, figures/gallery/index.html
	$(BIN)/effnet gallery $(ARGS)

clean:  ## removes .venv and caches, never data, results or figures
	rm -rf $(VENV) $(COVERED) *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .benchmarks
	find effnet_lib tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# Any other word is an artefact. A typing error is told at once, before anything is downloaded.
.DEFAULT:
	$(if $(wildcard notebooks/$@_*.ipynb effnet_lib/artefacts/$@.py),,$(error '$@' is neither a target nor an artefact; see `make help`))
	@$(MAKE) --no-print-directory setup
	$(BIN)/effnet run $@ --profile $(PROFILE) $(ARGS)

# The environment. An interpreter asked for by name replaces one of another version; else what is there stays.
ifdef PYTHON
CANDIDATES := $(PYTHON)
version-of = $(shell { $(1) -c '$(VERSION)'; } 2>/dev/null)
ifneq ($(call version-of,$(PYTHON)),$(call version-of,$(BIN)/python))
RENEW := yes
$(STAMP): FORCE
endif
else
CANDIDATES := python3 python3.13 python3.12 python3.11
endif
INTERPRETER = $(shell for p in $(CANDIDATES); do { $$p -c '$(CHECK)'; } 2>/dev/null && echo $$p && break; done)

# The stamp goes first and comes back last, so that an interrupted set-up is taken up again. Hashes and an
# editable project cannot stand in one call, and the project's build tool is in the lock already.
$(STAMP): requirements.lock pyproject.toml
	$(if $(INTERPRETER),,$(error Python 3.11 or newer is needed; found none as $(CANDIDATES) (PYTHON=/path/to/python3 names another)))
	@rm -f $@
	@if [ -n "$(RENEW)" ] || ! $(BIN)/python -c '$(CHECK)' 2>/dev/null || ! $(BIN)/python -m pip -V >/dev/null 2>&1; then \
	  echo 'Setting up .venv: once, 7 GB, one to five minutes.'; $(INTERPRETER) -m venv --clear $(VENV); fi
	@set -e; if uv --version >/dev/null 2>&1; then \
	  echo 'Installing what requirements.lock lists, with uv.'; \
	  uv pip sync -q --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock; \
	  echo 'Installing this project into .venv.'; \
	  uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  echo 'Installing what requirements.lock lists, with pip, which says nothing meanwhile.'; \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --compile --require-hashes -r requirements.lock; \
	  echo 'Installing this project into .venv.'; \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@
