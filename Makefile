# Each target sets up the .venv it needs: nothing to install beforehand but Python 3.11 or later.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
export OMP_NUM_THREADS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test check mutants dist bench clean

demo: .venv/.core
	$(BIN)/affekt demo

test: .venv/.dev
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff check src tests benchmarks tools examples
	$(BIN)/ruff format --check src tests benchmarks tools examples
	$(BIN)/mypy
	$(BIN)/lint-imports

# How much the tests of the pure modules notice: 200 random changes, each judged by its own module's
# tests (some minutes, not in CI). Of one module: make mutants MUTANTS="--count 50 src/affekt/geometry.py"
mutants: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python tools/mutants.py $(MUTANTS)

# A wheel and a source archive in dist/, checked, and the demo run where nothing but the wheel is.
dist: .venv/.dev
	rm -rf dist build
	$(BIN)/python -m build --outdir dist
	$(BIN)/python tools/check_dist.py dist
	$(BIN)/python -m venv --without-pip build/empty
	$(BIN)/python -m pip --python build/empty/bin/python install -q dist/*.whl
	cd build && empty/bin/python -I -W error -m affekt demo --out demo && test -s demo/astronaut.jpg
	rm -rf build

# Accuracy needs data: make bench DATA="FER+=out/ferplus@test affect7=out/affect7@val"
bench: .venv/.dev
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/accuracy.py $(DATA:%=--data %)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Affekt needs Python 3.11 or later: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv .venv || $(PYTHON) -m virtualenv .venv || { rm -rf .venv; \
		echo "No virtual environment could be made: install python3-venv (Debian, Ubuntu), or pip install virtualenv"; exit 1; }

.venv/.core: .venv/bin/python pyproject.toml
	@echo "Installing Affekt into .venv (under 320 MB)"
	$(BIN)/python -m pip install -q -e .
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml
	@echo "Installing Affekt with all extras into .venv (torch alone takes some minutes and 5 GB)"
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@ .venv/.core

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
