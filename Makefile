# Every target needs python3 >= 3.11 with venv, and nothing else installed before.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
EVAL_DATA ?=

.DEFAULT_GOAL := help
.PHONY: help install run test check format lint types contracts dependencies bench quality lock

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

install: $(READY) ## a virtual environment with everything, from the lock

run: $(READY) ## everything that is configured; without keys: the sample library and a chat
	@exec $(BIN)/chronos run

test: $(READY) ## all tests, three at a time: many wait for a process
	$(BIN)/pytest -n 3 --dist worksteal

check: format lint types contracts dependencies test ## all that must pass before a commit lands

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

dependencies: $(READY)
	$(BIN)/deptry .

bench: $(READY) ## speed and memory against the bare parts, as ratios
	$(BIN)/python -m tests.bench

quality: $(READY) ## retrieval quality; EVAL_DATA=folder of sets with their score.py
	$(BIN)/python -m tests.quality $(EVAL_DATA)

lock: ## resolve requirements.lock anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --all-extras --group dev --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml
