# `make` says what there is. Every target sets up what it needs, on Linux and macOS.

PYTHON := .venv/bin/python
BENCHES := bench.relay bench.crash bench.ingest bench.query

# A corpus file for `make bench`: .jsonl or .jsonl.xz
FILE ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make the virtual environment and install all that the other targets need
	@local/setup.sh

run: setup ## Run everything on this machine: storage emulator, Azure OpenAI (simulated), function app
	@exec $(PYTHON) -m local.run

test: setup ## Run the whole test suite
	@$(PYTHON) -m pytest

check: setup ## Lint, check format, types and import contracts
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup ## Run the benchmarks; with FILE=corpus.jsonl.xz, token accuracy too
	@set -e; for bench in $(BENCHES); do $(PYTHON) -m $$bench; done
	@if [ -n "$(FILE)" ]; then $(PYTHON) -m bench.token_accuracy "$(FILE)"; fi
