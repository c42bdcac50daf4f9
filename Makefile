# make demo: install and start the app on the embedded model.  make test: install what tests need, run all.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
export GRADIO_ANALYTICS_ENABLED := False

.PHONY: demo test install install-test lint types fast bench space clean

demo: install
	$(BIN)/ru1 serve

test: install-test lint types
	$(BIN)/python -m pytest

fast: install-test
	$(BIN)/python -m pytest -m "not browser and not service and not weights"

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test
	@.ci/browser

$(VENV)/.installed: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed tests/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@touch $@

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-test
	$(BIN)/mypy

bench: install-test
	@for file in $(filter-out benchmarks/common.py benchmarks/closing_the_loop.py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$file || exit 1; done

space: install
	$(BIN)/python spaces_config/build.py build/space

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis
