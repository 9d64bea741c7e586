# Two commands matter: `make demo` shows the whole way, `make test` checks everything.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LITELLM := .venv-litellm
DEMO := demo

.PHONY: help setup services demo demo-wall test lab limits lint format lock docs clean

help:
	@echo "make demo    simulate a million exchanges, scan them, write $(DEMO)/result/report.html"
	@echo "make demo-wall  stand a gateway before a mock model server, and watch a campaign be found and stopped"
	@echo "make test    set up, lint, type-check and test everything"
	@echo "make format  put the code into the house's format"
	@echo "make lock    renew requirements.lock from pyproject.toml"
	@echo "make lab     distil a small model by exchanges bought, unmarked and marked, and test its origin"
	@echo "make limits  measure where detection ends, and what an operator pays (about half an hour)"
	@echo "make docs    regenerate the documentation that code writes"

setup: $(READY)

$(READY): requirements.lock pyproject.toml scripts/bootstrap.sh
	sh scripts/bootstrap.sh $(VENV)
	@touch $(READY)

demo: setup
	$(BIN)/stillwatch simulate --out $(DEMO)/traffic --benign 5000 --scale 0.1 --days 28 --seed 7 --force
	$(BIN)/stillwatch scan $(DEMO)/traffic/exchanges --accounts $(DEMO)/traffic/accounts.parquet --out $(DEMO)/result
	@echo "Open $(DEMO)/result/report.html in a browser."

demo-wall: setup
	$(BIN)/stillwatch demo-wall

services: setup
	sh scripts/test_services.sh $(VENV) $(LITELLM)
	sh scripts/lab.sh $(VENV) || echo "the lab cannot be had here: its tests will be skipped" >&2

test: services
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses 2 --dist loadfile

lab: setup
	sh scripts/lab.sh $(VENV)
	$(BIN)/stillwatch lab curve --task arithmetic --seeds 1 --size 250 --size 500 --size 1000 --size 4000 \
		--held-out 2000 --defence none --defence watermark --out lab

limits: setup
	$(BIN)/python -m bench.limits --write --kept .limits

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup
	$(BIN)/uv pip compile pyproject.toml --extra wall --extra wall-traces --group dev --group bench --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements.lock

docs: setup
	$(BIN)/python -m stillwatch.evidence.documentation docs/detectors
	$(BIN)/python -m stillwatch.campaign.documentation docs/views
	$(BIN)/python tests/test_documentation.py

clean:
	rm -rf $(VENV) $(LITELLM) $(DEMO) lab .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
