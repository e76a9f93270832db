# `make run` and `make test` need nothing but Python 3.11 or newer with venv; each sets up what it needs, once.
PYTHON ?= python3
VENV   ?= .venv
BUILD  := $(if $(GPU),gpu,cpu)
BIN    := $(VENV)/bin
FAST   := tests/api tests/data tests/judging tests/monitoring tests/models/test_registry.py tests/reports/test_tables.py tests/store
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test check stories sweep lint fuzz bench serve lock clean help

help:             ## show this list
	@sed -n 's/^\([a-z]*\):.*##/\1\t/p' $(MAKEFILE_LIST)

run: $(VENV)/.installed-$(BUILD)   ## set up, then run the main job: three sizes, two models (GPU=1 for GPU builds)
	$(BIN)/python simulator.py run --train-sizes 0.02,0.2,all --models cnn,xgboost --effort quick --gate growing

test: $(VENV)/.installed-test      ## set up, then run the tests
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

check: $(VENV)/.installed-test     ## style, types and the fastest tests, in about a minute
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n auto --dist loadfile -q -m "not slow and not browser" $(FAST)

stories: $(VENV)/.installed-test   ## the long tests: kills, clusters, real networks, whole notebooks
	PIPELINE_SWEEP=ci $(BIN)/python -m pytest -n auto --dist loadfile -m slow

sweep: $(VENV)/.installed-test     ## break every call to the disk of every writing command, kill a watcher 50 times (hours)
	PIPELINE_SWEEP=full $(BIN)/python -m pytest tests/durability/test_crash_sweep.py tests/growing/test_watch.py \
		tests/growing/test_story.py -n auto --dist load

lint: $(VENV)/.installed-test      ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(VENV)/.installed-test      ## damaged files for MINUTES=10; what breaks a reader is kept in tests/corpus/found
	$(BIN)/python -W ignore tests/fuzz/fuzz_for_minutes.py $(or $(MINUTES),10) $(TARGETS)

bench: $(VENV)/.installed-test     ## measure every target of benchmarks/RESULTS.md (hours)
	$(BIN)/python -m benchmarks

serve: $(VENV)/.installed-$(BUILD) ## draw a digit in the browser
	$(BIN)/python simulator.py serve

lock: $(VENV)/.installed-test      ## resolve constraints.txt anew
	$(PIP) install uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-emit-index-url --no-annotate \
		--custom-compile-command "make lock" pyproject.toml --output-file constraints.txt

clean:            ## remove the environment; versions/, production/ and metric_results/ stay
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-cpu $(VENV)/.installed-gpu: $(VENV)/.installed-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing (a few minutes the first time)"
	$(PIP) install --editable ".[$*]" --constraint constraints.txt
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt tests/browser.sh | $(VENV)/bin/python
	@echo "Installing with what the tests need (a few minutes the first time)"
	$(PIP) install --editable ".[$(BUILD),test]" --constraint constraints.txt
	@sh tests/browser.sh
	@touch $@
