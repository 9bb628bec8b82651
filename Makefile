# Two commands do all the set-up: `make demo` drives the simulated car, `make test` runs the checks.
# Everything is installed into .venv; a second run reuses it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt --editable

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint docs lock licences sbom policy experiments soak bench gl clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo gl ## a liquid network drives a simulated car over ROS 2 (DEMO="--robot drone --scene winter": flies a drone in winter)
	$(BIN)/lnn demo $(DEMO)

# Tests of running nodes run two at a time, each in a ROS domain of its own, for they wait on a real clock more than they
# compute; beside them the linters and then the pure tests, a process a core, with less claim to the processor. pytest
# ends with 5 where TESTS=… holds nothing of a kind. On a machine on which nothing starts in time every ROS test would
# wait for its deadline, for hours: ten that fail say enough.
PYTEST := $(BIN)/python -m pytest --dist worksteal $(TESTS)
PURE := --numprocesses auto --timeout-method thread -m
# Modules are compiled once, not again in each of hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

test: $(VENV)/.test gl ## linters, types and the whole test suite (TESTS=test/control for a part)
	@mkdir -p out; { $(MAKE) --no-print-directory lint && \
	nice -n 5 $(PYTEST) $(PURE) 'not ros and not soak' >out/pure-tests.log 2>&1; } & \
	$(PYTEST) --numprocesses 2 --maxfail 10 -m 'ros and not soak'; ros=$$?; wait $$!; pure=$$?; cat out/pure-tests.log; \
	for code in $$ros $$pure; do [ $$code = 0 ] || [ $$code = 5 ] || exit $$code; done

quick: $(VENV)/.test gl ## the tests that start no nodes and take no seconds: a minute and a half
	$(PYTEST) $(PURE) 'not ros and not soak and not slow'

lint: $(VENV)/.test gl
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/flake8 lnn_controller
	$(BIN)/mypy

docs: $(VENV)/.docs ## the pages as a site in out/site; a link that leads nowhere ends it
	$(BIN)/mkdocs build --strict

# torch stays exact on purpose: a looser request can pull gigabytes of CUDA. LOCK=--upgrade takes the newest of all.
lock: $(VENV)/.release ## pin every dependency, of every supported Python, in constraints.txt
	UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile setup.py --all-extras --universal --python-version 3.11 \
	  --no-annotate --quiet $(LOCK) --output-file constraints.txt

licences: $(VENV)/.release ## the licence of everything that is installed, into out/licences.md
	mkdir -p out
	$(BIN)/pip-licenses --from=mixed --order=license --format=markdown --with-urls --output-file=out/licences.md

sbom: $(VENV)/.release ## a bill of materials of everything that is installed, into out/sbom.json (CycloneDX)
	mkdir -p out
	$(BIN)/cyclonedx-py environment $(VENV) --output-file out/sbom.json

FLIGHTS := $(BIN)/lnn collect --robot drone --task fly tight hop follow hidden --scene summer --seconds 24

policy: $(VENV)/.test gl ## make the shipped policies anew: collect demonstrations in summer, train, drive
	rm -rf out/demonstrations
	$(BIN)/lnn collect --out out/demonstrations --scene summer --tracks 1 2 3 4 5 6 7 8 9 10 11 12 --seconds 60 --seed 0
	$(BIN)/lnn train out/demonstrations --config config/train.yaml --out policies/car_lane --overwrite
	for cell in lstm gru; do $(BIN)/lnn train out/demonstrations --config config/train.yaml --cell $$cell \
	  --out policies/car_lane_$$cell --overwrite || exit 1; done
	$(BIN)/lnn train bags/real_car --out policies/real_car --test-fraction 0.5 --threads 1 --overwrite
	$(BIN)/lnn evaluate --policy policies/car_lane --scene summer winter --track 21 33 47 --seconds 90
	rm -rf out/flights
	$(FLIGHTS) --seeds 1-36 --out out/flights/training
	$(FLIGHTS) --seeds 37-40 --out out/flights/validation
	$(BIN)/lnn train out/flights/training out/flights/validation --config config/drone.yaml --out policies/drone_forest --overwrite
	$(BIN)/lnn train out/flights/training out/flights/validation --config config/drone.yaml --cell lstm --out policies/drone_forest_lstm --overwrite & lstm=$$!; \
	$(BIN)/lnn train out/flights/training out/flights/validation --config config/drone.yaml --cell none --out policies/drone_forest_none --overwrite && wait $$lstm
	$(BIN)/lnn evaluate --policy policies/drone_forest --task fly tight --scene summer autumn winter urban --seed 6000-6019

experiments: $(VENV)/.demo gl ## does online adaptation help? page, figures and picture in out/studies (docs/adaptation.md)
	$(BIN)/lnn study adaptation --jobs $$(nproc)

soak: $(VENV)/.test gl ## break everything, for an hour, and write docs/faults.md (SOAK_MINUTES=30 of them one drive)
	FAULT_PAGE=docs/faults.md $(BIN)/python -m pytest test/faults -m 'soak or not soak'
	$(BIN)/python -m pytest --ignore=test/faults -m soak
	$(PYTEST) --hypothesis-profile thorough $(PURE) 'hypothesis and not ros'

bench: $(VENV)/.test gl ## measure what the README claims
	$(BIN)/lnn compile car_lane
	rm -f out/long_memory.json  # what is in it would not be run again
	$(BIN)/python benchmarks/summary.py

gl: # MuJoCo renders the camera through EGL; it needs the system's GL libraries, no GPU
	@if ! ldconfig -p 2>/dev/null | grep -q 'libEGL\.so\.1 ' || ! ldconfig -p | grep -q 'libGL\.so\.1 '; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Installing the GL libraries for the simulated camera (apt: libegl1 libgl1)'; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libegl1 libgl1 >/dev/null; \
	  else \
	    echo 'The simulated camera needs the GL libraries: sudo apt-get install -y libegl1 libgl1' >&2; exit 1; \
	  fi; \
	fi

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed, $$($(PYTHON) --version 2>&1) was found: try make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo 'Python cannot make a virtual environment here: sudo apt-get install -y python3-venv' >&2; exit 1; }

# The stamps say which extras are in; a change of what is needed installs anew.
$(VENV)/.demo: setup.py constraints.txt | $(VENV)/bin/python
	@echo 'Installing ROS 2 (rclpy), MuJoCo and ONNX Runtime into $(VENV) (about 800 MB, a minute or two)'
	@$(INSTALL) '.[ros,sim]'
	@touch $@

$(VENV)/.test: setup.py constraints.txt | $(VENV)/bin/python
	@echo 'Installing everything, PyTorch included, into $(VENV) (about 2 GB, some minutes)'
	@$(INSTALL) '.[ros,sim,train,tune,view,test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: setup.py constraints.txt | $(VENV)/bin/python
	@$(INSTALL) '.[docs]'
	@touch $@

$(VENV)/.release: $(VENV)/.test
	@$(INSTALL) '.[release]'
	@touch $@

clean: ## remove the environment and everything that was made
	rm -rf $(VENV) build install log out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
