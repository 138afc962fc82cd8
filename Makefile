# One entry for everything; each target does its own set-up first.

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export DEMO_DIR ?= .demo

.PHONY: setup demo test check bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml tools/setup
	tools/setup $(VENV)
	touch $@

demo: setup
	tools/demo

test: setup
	tools/test $(ARGS)

check: setup
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/yamllint --strict assets tests
	cd assets/ansible && ../../$(VENV)/bin/ansible-lint --offline

bench: setup
	$(PYTHON) -m benchmarks

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache
