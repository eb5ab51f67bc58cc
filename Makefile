# Every target does its own set-up; all it needs is Python 3.11 or newer, and make.
PYTHON ?= python3
# A file's tests stay together: some share what takes long to make, and the last ones look back on the others.
PARALLEL ?= --numprocesses auto --dist loadfile
BIN := .venv/bin
# The tests start hundreds of processes, each of which would compile anew what none may keep.
export PYTHONDONTWRITEBYTECODE :=
# Versions of the vendors' clients the tests run side by side; their generations differ on the wire.
PARETA_SDKS := 0.1.0 0.2.1 0.3.1 1.0.0 1.3.0 2.1.0 3.0.4
PAYGENTIC_SDKS := 0.1.19 0.2.17 0.5.0 0.5.18 0.6.3
# Each as `folder=requirement`.
SDKS := $(foreach v,$(PARETA_SDKS),pareta-$v=pareta==$v) $(foreach v,$(PAYGENTIC_SDKS),paygentic-$v=paygentic-sdk==$v)

.PHONY: help setup serve test check static format lint types layers coverage covered bench wheel
.DEFAULT_GOAL := help

help:
	@echo "serve   run the server           test    run the tests"
	@echo "check   all that CI checks       format  rewrite files in the project's form"
	@echo "bench   measure                  wheel   build wheel and sdist into dist/"

# Stamps: a changed project file installs again.

.venv/base.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[media]"
	@touch $@

.venv/dev.stamp: .venv/base.stamp Makefile
	$(BIN)/python -m pip install --quiet --editable ".[fast,media,plot]" --group dev
	for sdk in $(SDKS); do \
		test -d .venv/sdks/$${sdk%%=*} || \
		$(BIN)/python -m pip install --quiet --no-deps --target .venv/sdks/$${sdk%%=*} $${sdk#*=} || exit 1; \
	done
	@touch $@

setup: .venv/dev.stamp

serve: .venv/base.stamp
	$(BIN)/mockserver serve $(ARGS)

test: setup
	$(BIN)/pytest $(PARALLEL) $(ARGS)

check: static coverage

static: lint types layers

lint: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

coverage: setup
	$(BIN)/pytest $(PARALLEL) --cov --cov-report= $(ARGS)
	$(MAKE) covered

# The rules compute and nothing else, so every branch of them has a test.
covered:
	$(BIN)/coverage report --show-missing --skip-covered --fail-under=90
	$(BIN)/coverage report --show-missing --skip-covered --include="mockserver/vendors/*/domain/*" --fail-under=100

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup
	$(BIN)/python -m benchmarks

wheel: setup
	$(BIN)/python -m build
