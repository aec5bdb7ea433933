# Everything is made here: a virtual environment with pinned packages, the demo, the tests, the checks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
TESTS ?=
SIZE ?= full
ONLY ?=
# Tests wait for servers and clocks as often as for the processor: four workers on two cores are seldom idle.
WORKERS ?= 4
SIDE_BY_SIDE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help install install-dev demo test nightly clocks pythons pictures bench check lock clean

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(UV):
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; set PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock

$(VENV)/.installed: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed  ## The command at .venv/bin/usage-pipeline

install-dev: $(VENV)/.installed-dev  ## The same with what tests and checks need

demo: install  ## Set up a made-up Dify and run the whole job on it
	$(BIN)/usage-pipeline demo

test: install-dev  ## All tests; TESTS=path for some
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(TESTS)

nightly: install-dev  ## The tests that look for the unlikely, for hours: 2,000 random histories, every hostile value, 10,000 commands, five minutes of live writing
	USAGE_PIPELINE_HYPOTHESIS=nightly USAGE_PIPELINE_LIVE_SECONDS=300 USAGE_PIPELINE_KILLS=1000 $(BIN)/python -m pytest $(SIDE_BY_SIDE) --timeout 14400 \
		usage_pipeline_tests/ingest/test_random_histories.py usage_pipeline_tests/ingest/test_random_features.py \
		usage_pipeline_tests/ingest/test_known_histories.py usage_pipeline_tests/ingest/test_live.py \
		usage_pipeline_tests/reconciliation/test_live.py \
		usage_pipeline_tests/sources/test_hostile_postgres.py usage_pipeline_tests/sources/test_hostile_mysql.py \
		usage_pipeline_tests/sources/test_hostile_console.py usage_pipeline_tests/sources/test_hostile_logs.py \
		usage_pipeline_tests/commands/test_fuzz.py usage_pipeline_tests/commands/test_output.py \
		usage_pipeline_tests/warehouse/test_released.py usage_pipeline_tests/delivery/test_chaos.py usage_pipeline_tests/enforcement/test_chaos.py \
		usage_pipeline_tests/ui/test_failed_pass.py usage_pipeline_tests/ui/test_processes.py usage_pipeline_tests/ui/test_two_schedulers.py \
		usage_pipeline_tests/defs/test_cluster.py \
		usage_pipeline_tests/test_wheel.py usage_pipeline_tests/deploy/test_image.py usage_pipeline_tests/test_docs_commands.py
	# At the moment at which the newest of the released warehouses was left, nothing at all is to be said.
	USAGE_PIPELINE_HYPOTHESIS=nightly $(BIN)/python -m usage_pipeline_tests.support.moved_clock 2026-11-28T01:30 UTC \
		usage_pipeline_tests/warehouse/test_released.py
	$(MAKE) clocks
	$(MAKE) pythons

clocks: install-dev  ## The suite at four other moments, weekdays and zones of the machine (with a C compiler); TESTS=path for some
	$(BIN)/python -m usage_pipeline_tests.support.moved_clock $(SIDE_BY_SIDE) $(TESTS)

PYTHONS ?= python3.11 python3.12 python3.13 python3.14

pythons:  ## The suite with every Python of these that is here, in environments of their own: PYTHONS=python3.13
	for python in $(PYTHONS); do \
		if $$python -c "" 2>/dev/null; then $(MAKE) test PYTHON=$$python VENV=.venv-$$python || exit 1; fi; done

PICTURES = overview budget_check form what_if_run report lineage

pictures: install-dev  ## docs/images anew, in Debian's chromium and LibreOffice; that of the figures is made by bench
	$(BIN)/python -m usage_pipeline_tests.support.message_pictures docs/images/messages
	CI=1 USAGE_PIPELINE_SCREENSHOTS=$(CURDIR)/ci-output $(BIN)/python -m pytest usage_pipeline_tests/commands/test_dagster_ui.py \
		usage_pipeline_tests/web/test_browser.py
	$(BIN)/python -m usage_pipeline_tests.support.document_pictures ci-output
	cp $(PICTURES:%=ci-output/%.png) docs/images/ui/

bench: install-dev  ## All benchmarks against their limits; SIZE=small tries it, ONLY=ticks,report; full ones are written down
	$(BIN)/python -m benchmarks.run --size $(SIZE) $(if $(ONLY),--only $(ONLY)) $(if $(filter full,$(SIZE)),$(if $(ONLY),,--write))

check: install-dev  ## Format, lint, types, import rules, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry usage_pipeline
	$(BIN)/python -m usage_pipeline.settings.schema --check

PIN = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

lock: $(UV)  ## Pin the newest packages that fit
	$(PIN) pyproject.toml --extra all --group build -o requirements.lock
	$(PIN) pyproject.toml --extra all --group build --group dev -c requirements.lock -o requirements-dev.lock
	$(PIN) --group installer -o requirements-uv.lock

clean:  ## Remove what was installed and made; not .usage_pipeline/, which holds data
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis ci-output
