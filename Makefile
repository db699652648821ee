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

.PHONY: help install demo gallery lint types test test-slow test-lowest docs linkcheck bench lock licences wheel check-wheel sbom clean

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

# The first run leaves out what only makes programs faster (tests/conftest.py); the second compiles as users do.
AS_USERS := \
  tests/fem/test_microct.py \
  tests/remodeling/test_finite_element_mechanics.py::test_gradient_through_the_solves_equals_finite_differences \
  tests/remodeling/test_simulation.py::test_a_changed_load_ends_at_its_closed_form_equilibrium \
  tests/calibration/test_density_draws.py::test_the_table_is_the_simulation_of_every_voxel \
  tests/osteon/test_solve_command.py::test_published_answer_of_mask_50

test: lint types ## lint, types, every test but the slow ones, and some of all as users compile them
	$(PYTHON) -m pytest -q -m 'not slow' -n auto --maxprocesses 4 --dist loadfile
	$(PYTHON) -m pytest -q -m 'slow or not slow' -n auto --maxprocesses 4 --dist load $(AS_USERS)

test-slow: $(STAMP) ## the tests that take minutes
	$(PYTHON) -m pytest -q -m slow

# The lowest versions that pyproject.toml allows, in an environment of its own; the file that it leaves is kept in git,
# so that a reader sees what the lower bounds were tested with. Old libraries warn of each other: no errors of that.
LOWEST := build/lowest
LOWEST_TESTS := tests/fem/test_verification.py tests/fem/test_solver.py tests/meshes tests/remodeling/test_bone_step.py \
  tests/remodeling/test_pharmacokinetics.py tests/calibration/test_densitometry.py tests/calibration/test_trials.py \
  tests/osteon/test_command_line.py tests/osteon/test_study.py tests/osteon/test_api.py tests/osteon/test_report.py

test-lowest: wheel ## some of the tests with the lowest versions that are allowed (minutes)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(VENV)/bin/uv pip compile --quiet --resolution lowest-direct --python-version 3.11 --extra readers --extra unstructured \
	  --extra export --no-header --no-annotate pyproject.toml -o tools/lowest.txt
	$(VENV)/bin/uv venv --quiet --clear --python $(PYTHON) $(LOWEST)
	$(VENV)/bin/uv pip install --quiet --python $(LOWEST) -r tools/lowest.txt 'pytest>=8.3'
	$(VENV)/bin/uv pip install --quiet --python $(LOWEST) --no-deps dist/osteon-*.whl
	$(LOWEST)/bin/python -m pytest -q -o filterwarnings=default -m 'not slow' $(LOWEST_TESTS)

docs: $(STAMP) ## build/docs: guides, examples that are run, reference; every warning is an error
	$(PYTHON) -m sphinx -E -q -W --keep-going -b html docs build/docs
	@echo build/docs/index.html

linkcheck: $(STAMP) ## links of the documentation that leave the project (needs a network)
	$(PYTHON) -m sphinx -q -D plot_gallery=0 -b linkcheck docs build/linkcheck

bench: $(STAMP) ## set-up, compile, solve, gradient and memory, beside parosol-py where it is installed
	$(PYTHON) -m benchmarks --data $(DATA)

# The lock names no index: hashes are those of the public registry, so any mirror of it serves.
lock: ## write requirements.txt anew (needs pip-tools)
	pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --extra readers --extra dev --extra docs --build-deps-for editable \
	  --constraint requirements-pins.txt --output-file requirements.new pyproject.toml
	{ echo '# Locked dependencies of osteon with the extras readers, dev and docs, hashed. Written by `make lock`; do not edit.'; \
	  grep -vE '^(#|osteon @|$$)' requirements.new; } > requirements.txt
	rm requirements.new

licences: $(STAMP) ## docs/licences.md anew (needs pip-licenses, extra release)
	$(PYTHON) tools/licences.py --write

wheel: $(STAMP) ## dist/*.whl
	rm -rf build/lib* build/bdist* dist/osteon-*.whl
	$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

check-wheel: wheel ## install the wheel into a new environment and run it from another folder
	$(PYTHON) tools/check_wheel.py dist/osteon-*.whl

sbom: wheel ## dist/osteon.cdx.json: what a new environment with the wheel holds (needs cyclonedx-bom, extra release)
	$(PYTHON) tools/check_wheel.py dist/osteon-*.whl --sbom dist/osteon.cdx.json

clean: ## remove .venv, caches and the compiled solver (runs/ stays)
	rm -rf $(VENV) .pytest_cache .ruff_cache build dist *.egg-info fem/_solver_*.so docs/api docs/auto_examples
	find . -name __pycache__ -prune -exec rm -rf {} +
