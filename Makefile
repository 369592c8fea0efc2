# Every door to Imageyard. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo up test lint bench tour lock clean
PYTHON := .venv/bin/python
export PYTHONUNBUFFERED = 1
# Compiling every module anew would be half of a start's time.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## set up, start everything, push to a small repository and show the image (EXIT=1: stop when it ran)
	@scripts/setup
	@exec $(PYTHON) -m imageyard.demo $(if $(EXIT),--exit)

up: ## set up and start everything in the foreground, until Ctrl-C
	@scripts/setup
	@exec $(PYTHON) -m imageyard.supervisor

test: ## what CI checks, against real parts (T=unit, sqlite, postgres, real or compose: that stage; T=path: that alone)
	@scripts/setup test
	@exec $(PYTHON) scripts/run_tests.py $(T)

lint: ## format, lint, types, import rules, migrations, templates
	@scripts/setup test
	@exec scripts/lint

bench: ## the benchmarks (B=name: one of them)
	@scripts/setup test chromium
	@exec $(PYTHON) -m bench $(B)

tour: ## photograph every page of a real run into docs/tour.md
	@scripts/setup test chromium
	@exec $(PYTHON) -m tests.tour

lock: ## resolve pyproject.toml and package.json anew into the lock files
	@scripts/setup test
	@exec scripts/lock

clean: ## remove what set-up and tests made; .imageyard with its data stays
	rm -rf .venv node_modules staticfiles .imageyard-test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
