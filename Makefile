# The two commands of the README are `make demo` and `make test`; `make help` lists the others.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
DATA ?= ../shared/data
DEMO_STUDY := examples/l3_builtin.toml

.PHONY: help install demo gallery lint types test test-slow bench lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

install: $(STAMP) ## make .venv with the locked dependencies

# The stamp is younger than the lock and the compiled sources when the environment is up to date. Without a C++
# compiler the installation goes on and the solver runs as plain JAX (`osteon doctor` says which). An environment whose
# interpreter no longer starts (a moved folder, a removed Python) is made anew.
$(STAMP): requirements.txt pyproject.toml setup.py $(wildcard fem/native/*)
	@python=; for candidate in python3.11 python3 python3.12 python3.13; do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then echo 'Python 3.11 or later with its venv module is needed and neither python3.11 nor python3 is one: install it and run make again.' >&2; exit 2; fi; \
	if ! $(PYTHON) -c '' 2>/dev/null; then echo "making $(VENV) with $$($$python --version)"; $$python -m venv --clear $(VENV); fi
	@echo 'installing the locked dependencies (some minutes the first time)'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## run the main job on the built-in L3 vertebra; prints where the report is
	$(VENV)/bin/osteon run $(DEMO_STUDY)

gallery: $(STAMP) ## every protocol of examples/gallery in one table and report (minutes)
	$(VENV)/bin/osteon gallery examples/gallery

lint: $(STAMP) ## ruff: rules and layout
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(STAMP) ## pyright
	$(VENV)/bin/pyright

test: lint types ## lint, types and every test but the slow ones
	$(PYTHON) -m pytest -q -m 'not slow' -n auto --maxprocesses 4 --dist loadfile

test-slow: $(STAMP) ## the tests that take minutes
	$(PYTHON) -m pytest -q -m slow

bench: $(STAMP) ## set-up, compile, solve, gradient and memory, beside parosol-py where it is installed
	$(PYTHON) -m benchmarks --data $(DATA)

# The lock names no index: hashes are those of the public registry, so any mirror of it serves.
lock: ## write requirements.txt anew (needs pip-tools)
	pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --extra readers --extra dev --build-deps-for editable \
	  --constraint requirements-pins.txt --output-file requirements.new pyproject.toml
	{ echo '# Locked dependencies of osteon with the extras readers and dev, hashed. Written by `make lock`; do not edit.'; \
	  grep -vE '^(#|osteon @|$$)' requirements.new; } > requirements.txt
	rm requirements.new

clean: ## remove .venv, caches and the compiled solver (runs/ stays)
	rm -rf $(VENV) .pytest_cache .ruff_cache build *.egg-info fem/_solver_*.so
	find . -name __pycache__ -prune -exec rm -rf {} +
