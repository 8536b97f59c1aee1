# Everything runs in a virtual environment of its own, made on first use and again when
# pyproject.toml changes: `make recover` installs what ganinv needs, the other targets add the
# development tools. pip's own settings, constraints and proxies hold. LOCKED=1 installs the
# versions of requirements-dev.txt.

PYTHON ?= python3
TRIALS ?= 50
HOURS ?= 1
VENV := .venv
DIST := dist

BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
READY := $(VENV)/complete
BEGUN := $(VENV)/incomplete

.DEFAULT_GOAL := help
.PHONY: help recover reproduce bench zoo verdicts torture test check lint types audit licences docs tutorial docs-check wheel lock test-all test-elsewhere test-nightly test-pythons clean asked-for

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

recover: $(INSTALLED) ## Table 1 on the shipped checkpoint (TRIALS=50, two minutes)
	@$(BIN)/ganinv recover --trials $(TRIALS)

reproduce: $(READY) ## every table and figure of docs/ again, from docs/results (RUN=1 runs the experiments)
	@$(if $(RUN),$(BIN)/python -m benchmarks.reproduction.images build)
	@$(BIN)/python -m benchmarks.reproduction $(if $(RUN),--run) $(if $(ONLY),--only $(ONLY))

bench: $(READY) ## what recovery costs, its speed beside other methods (half an hour)
	@mkdir -p build/bench
	@$(BIN)/ganinv recover --solver lbfgs --checkpoint portraits64 --overwrite --seed 1 \
	    --out build/bench/recover.h5
	@rm -f build/bench/peers.json
	@$(BIN)/python -m benchmarks.speed.peers --checkpoint portraits64 --trials 16 --out build/bench/peers.json

zoo: $(READY) ## fetch generators from PyPI that nobody here trained, and inspect one (2 minutes)
	@mkdir -p build/zoo docs/gan-faces
	@$(BIN)/python -m pip download --quiet --no-deps --ignore-requires-python \
	    --dest build/zoo gan-face-generate==1.1.1 generateme==0.1.2
	@$(BIN)/python -m zipfile --extract build/zoo/gan_face_generate-1.1.1-py3-none-any.whl build/zoo
	@$(BIN)/python -m zipfile --extract build/zoo/generateme-0.1.2-py3-none-any.whl build/zoo
	@$(BIN)/ganinv sample $(FACES) --overwrite --out docs/gan-faces/sheet.png
	@$(BIN)/ganinv inspect $(FACES) --check --spectrum -v > docs/gan-faces/inspect.txt

verdicts: $(READY) ## how often the verdict of invert errs, into docs/invert (HOURS=1 adds an hour; after make zoo)
	@$(BIN)/python -m benchmarks.verdicts --hours $(HOURS) $(ARGS)
	@$(BIN)/python -m benchmarks.verdicts --hours 0 --keep docs/invert/calibration.csv
	@$(BIN)/python docs/generate.py

torture: $(READY) ## kills, full disks, changed logs (half an hour; ARGS='--disks 0')
	@$(BIN)/python -m benchmarks.torture $(ARGS)

FACES := build/zoo/gan_face_generate/weights.tar

test: $(READY) ## the tests that take seconds, on at most 4 cores (3 minutes on 2)
	@$(BIN)/python -m pytest $(PARALLEL) --ignore=tests/benchmarks -m "not slow and not nightly"

test-all: $(READY) ## the slow tests as well, as CI runs them (6 minutes on 2 cores)
	@$(BIN)/python -m pytest $(PARALLEL) -m "not nightly" --durations=25

test-elsewhere: $(READY) ## the tests of solvers, networks and re-enactment, as on a processor of 2013 (a minute on 2 cores)
	@$(OLDER_PROCESSOR) $(BIN)/python -m pytest $(PARALLEL) -m "not slow and not nightly" \
	    $(addprefix tests/,inversion reenact generators/network)

# Its kernels round otherwise, in OpenBLAS, oneDNN and NumPy, and there are none for bfloat16.
OLDER_PROCESSOR = OPENBLAS_CORETYPE=Haswell ONEDNN_MAX_CPU_ISA=AVX2 \
    NPY_DISABLE_CPU_FEATURES="$$(NPY_DISABLE_CPU_FEATURES= $(BIN)/python -c '$(DISPATCHED)')"
DISPATCHED = import numpy; print(*numpy.show_config("dicts")["SIMD Extensions"].get("found", ()))

test-nightly: $(READY) ## random networks, kills, a Ray cluster, generators from PyPI (15 minutes)
	@$(BIN)/python -m pytest $(PARALLEL) -m nightly --durations=25

# Without a reorder, which would start the files with the fewest tests last; some of them take longest.
PARALLEL := --numprocesses auto --maxprocesses 4 --no-loadscope-reorder

check: lint types docs-check licences audit test ## format, lint, types, generated docs, licences, audit, tests

lint: $(READY) ## format and lint, without changing a file
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

licences: $(READY) ## list the packages' licences in build/licences.md; fail if one is not allowed
	@mkdir -p build
	@$(BIN)/pip-licenses --format markdown --output-file build/licences.md

audit: $(READY) ## ask PyPI whether the packages have known vulnerabilities; fail if one has
	@$(BIN)/python -m checks.audit

docs: $(READY) ## write what docs/ takes from the code
	@$(BIN)/python docs/generate.py

tutorial: $(READY) ## run docs/tutorial.ipynb, and keep what its cells show (2 minutes)
	@GANINV_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/api/test_examples.py -k tutorial

docs-check: $(READY) ## fail when docs/ is not what the code says
	@$(BIN)/python docs/generate.py --check

wheel: $(READY) ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --no-deps --wheel-dir $(DIST) .

lock: $(READY) ## pin the development environment in requirements-dev.txt (UPGRADE=1: newest versions)
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	    --generate-hashes --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
	    --quiet --output-file requirements-dev.txt

test-pythons: ## all tests on each of Python 3.11, 3.12 and 3.13 that this machine has
	@for version in 3.11 3.12 3.13; do \
	    python$$version -c '' 2>/dev/null || { echo "no python$$version here" >&2; continue; }; \
	    $(MAKE) test-all PYTHON=python$$version VENV=build/python$$version || exit 1; \
	done

clean: ## remove the environment and all that was built
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	@find ganinv_cli benchmarks docs tests -name __pycache__ -prune -exec rm -rf {} +

# An installation that was killed leaves its mark, and the next one starts from nothing.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c '$(SUPPORTED)'
	@if test -e $(BEGUN); then rm -rf $(VENV); fi
	@mkdir -p $(VENV) && touch $(BEGUN)
	@$(PYTHON) -m venv $(VENV) >&2
	@$(if $(LOCKED),$(BIN)/python -m pip install --require-hashes -r requirements-dev.txt >&2)
	@$(BIN)/python -m pip install --editable . >&2
	@touch $(BEGUN) && mv $(BEGUN) $(INSTALLED)

$(READY): $(INSTALLED)
	@mv $(INSTALLED) $(BEGUN)
	@$(BIN)/python -m pip install --upgrade 'pip>=25.1' >&2
	@$(BIN)/python -m pip install --editable . --group dev >&2
	@touch $(READY) && mv $(BEGUN) $(INSTALLED)

SUPPORTED = import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit( \
    "ganinv needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d; " % sys.version_info[:2] \
    + "name another: make PYTHON=python3.12")

# Whoever names a Python means it, so an environment of another version is not used in its place.
ifneq ($(origin PYTHON),file)
$(INSTALLED): | asked-for
asked-for:
	@! test -x $(BIN)/python || test -e $(BEGUN) || \
	test "$$($(PYTHON) -c '$(VERSION)')" = "$$($(BIN)/python -c '$(VERSION)')" || \
	{ echo "$(VENV) has another version than $(PYTHON); make clean, or add VENV=build/other" >&2; \
	exit 1; }
VERSION = import sys; print(sys.version_info[:2])
endif
