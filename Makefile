# Each target sets up what it needs: on a fresh machine one command is enough.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON := .venv/bin/python
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# These would break something here, if a machine had other settings.
export KERAS_BACKEND ?= tensorflow
export PYTHONUTF8 := 1
export PIP_USER := 0
unexport PYTHONPATH PYTHONHOME

# A value given to make goes on through the environment, as it is: no shell reads it.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name)))
unexport $(GIVEN)
$(foreach name,$(GIVEN),$(eval export GIVEN_$(name) = $$(value $(name))))

# The Python to set up with, the first one here that TensorFlow supports; else that of .venv.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON3 := $(shell for each in python3 python3.13 python3.12 python3.11 $(PYTHON); do \
	$$each -c "$(SUPPORTED)" > /dev/null 2>&1 && echo $$each && break; done)
IS_SAME := test "$$($(PYTHON) --version 2> /dev/null)" = "$$($(PYTHON3) --version 2> /dev/null)"

# One make at a time sets up, where the system has flock.
ALONE := $(shell command -v flock > /dev/null && echo flock Makefile)
# If .venv is of another Python, or its Python is gone, everything is set up again.
$(shell $(IS_SAME) && $(PYTHON) -c "import nbclient" 2> /dev/null || rm -f .venv/installed)

COMMANDS := app infer train notebook data test test-colab test-lowest test-browser test-cluster \
	screenshot bench report seeds
.PHONY: $(COMMANDS) values environment debian-data

# All commands need .venv/installed, and it needs this first: what is given has to be right.
UNKNOWN := $(filter-out $(COMMANDS) .venv%,$(MAKECMDGOALS))
values:
	$(if $(UNKNOWN),$(error $(UNKNOWN) is no command; a value has a name, as in PHOTOS=photo.jpg))
	@test "$(PYTHON3)" || { echo "Python 3.11 to 3.13 is needed, and python3 is" \
		"$$(python3 --version); install another one, and run this again."; exit 1; }
	@$(PYTHON3) given.py $(or $(MAKECMDGOALS),app)

# A web page to drop photos on; with SHARE=1, for others too.
app: .venv/installed
	@$(PYTHON) app.py --model "$${GIVEN_MODEL:-photos}" $(if $(filter 1,$(GIVEN_SHARE)),--share)

infer: data
	@$(PYTHON) run.py inference

train: data
	@$(PYTHON) run.py train

notebook: data
	@$(PYTHON) -m jupyterlab --ServerApp.log_level=ERROR --LabApp.log_level=ERROR

test: data
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@$(PYTHON) -m pytest

# The notebooks on Colab's own versions of the packages.
test-colab: data .venv-colab/installed
	.venv-colab/bin/python -m pytest tests/test_colab.py tests/test_notebooks.py tests/test_app.py

# The same, and the photos, on the lowest versions that requirements.txt allows.
test-lowest: data .venv-lowest/installed
	.venv-lowest/bin/python -m pytest tests/test_colab.py tests/test_notebooks.py tests/test_app.py \
		tests/test_reading.py tests/test_photos.py

# The page, and the notebooks in JupyterLab, in a real browser.
test-browser: data .venv/browser
	$(PYTHON) -m pytest tests/browser.py
	@echo "The screenshots are in runs/screenshots."

# The README's picture of the page.
screenshot: .venv/browser
	@$(PYTHON) -m docs.screenshot

# Both scripts for Ray, on two nodes, one of which is killed.
test-cluster: data .venv/cluster
	@$(PYTHON) -m pytest tests/cluster.py

# Times training and classification beside other ways to do the same.
bench: data
	$(PYTHON) -m benchmarks.speed

# Writes what was measured into README, model card and notebook table.
report: data
	$(PYTHON) -m benchmarks.report

# Trains seeds of a recipe in full (or takes them from runs/) and rewrites its saved model.
seeds: data
	$(PYTHON) -m benchmarks.seeds --recipe "$${GIVEN_RECIPE:-baseline}" \
		--seeds $${GIVEN_SEEDS:-0 1 2}

# What pip's log means.
EXPLAIN = if grep -q CERTIFICATE_VERIFY_FAILED .venv/log; then \
		echo "pip does not trust the server's certificate: set PIP_CERT to a file that holds it."; \
	elif grep -q "from versions: none" .venv/log && grep -q Retrying .venv/log; then \
		echo "pip does not reach the packages: look at the network, and at \`pip config list\`."; \
	elif grep -q "No matching distribution" .venv/log; then \
		sed -n "s/.*No matching distribution found for \(.*\)/\1 does not exist for this machine \
	($$(uname -sm)): use another one, or Colab./p" .venv/log; \
	else grep ERROR .venv/log; \
		echo "Not all packages are installed: .venv/log and \`pip config list\` may say why."; fi

.venv/installed: requirements.txt requirements-dev.txt | values
	@$(if $(ALONE),flock --nonblock Makefile true || echo "Another make sets up; this one waits.")
	@$(ALONE) bash -c 'test .venv/installed -nt requirements.txt -a \
		.venv/installed -nt requirements-dev.txt || $(MAKE) --no-print-directory environment'

environment:
	@echo "Setting up .venv with $$($(PYTHON3) --version): 3.5 GB of packages, a few minutes."
	@$(IS_SAME) && $(PYTHON) -m pip --version > /dev/null 2>&1 || $(PYTHON3) -m venv --clear .venv
	@$(PYTHON) -m pip install --quiet --requirement requirements-dev.txt > .venv/log 2>&1 && \
		$(PYTHON) -c "import nbclient" 2>> .venv/log || { $(EXPLAIN); exit 1; }
	@touch .venv/installed

# What only some tests need: .venv/browser and .venv/cluster.
.venv/%: requirements-%.txt .venv/installed
	@$(PYTHON) -m pip install --quiet --requirement $<
	@touch $@

PACKAGES := tensorflow keras numpy matplotlib scikit-learn seaborn pandas pillow \
	opencv-python-headless gradio ipython ipykernel nbconvert pytest

.venv-colab/installed: tests/colab/constraints.txt
	@for python in python3.13 $$HOME/.pyenv/versions/3.13.*/bin/python \
		python3.12 $$HOME/.pyenv/versions/3.12.*/bin/python; do \
		$$python -m venv --clear .venv-colab 2>/dev/null && break; \
	done || { echo "Colab runs Python 3.13 or 3.12, and neither is found here; install one."; exit 1; }
	.venv-colab/bin/pip install --quiet --constraint $< $(PACKAGES)
	touch $@

.venv-lowest/installed: requirements.txt
	python3.11 -m venv --clear .venv-lowest
	sed "s/>=\([0-9.]*\).*/==\1/" $< > .venv-lowest/constraints.txt
	.venv-lowest/bin/pip install --quiet --constraint .venv-lowest/constraints.txt $(PACKAGES)
	touch $@

CACHE := $${KERAS_HOME:-$$HOME/.keras}/datasets/fashion-mnist
LOAD := $(PYTHON) -c "from fmnist_utils import data; data.load()"

# The network first; where there is none, Debian's package, unpacked without root.
data: .venv/installed
	@test -n "$$FMNIST_DIR" -o -e "$(CACHE)/t10k-labels-idx1-ubyte.gz" \
		-o -d /usr/share/datasets/fashion-mnist || \
		echo "Fetching Fashion-MNIST (31 MB) from Google's copy of it."
	@$(ALONE) $(LOAD) > /dev/null 2>&1 || { \
		if test -z "$$FMNIST_DIR" && command -v apt-get > /dev/null; then \
			echo "That failed, so it comes from Debian's package dataset-fashion-mnist."; \
			$(ALONE) $(MAKE) --no-print-directory debian-data; fi; \
		$(LOAD) 2>&1 | tail -n 1 | sed "s/^fmnist_utils.errors.UserError: //"; }

debian-data:
	@set -e; folder=$$(mktemp -d); trap "rm -rf $$folder" EXIT; \
	mkdir -p $$folder/lists/partial $$folder/cache/archives/partial; cd $$folder; \
	apt="apt-get -qq -o Dir::State::Lists=$$folder/lists -o Dir::Cache=$$folder/cache"; \
	apt="$$apt -o APT::Sandbox::User=root"; \
	$$apt update; $$apt download dataset-fashion-mnist; dpkg -x dataset-fashion-mnist_*.deb .; \
	mkdir -p "$(CACHE)"; cp usr/share/datasets/fashion-mnist/*.gz "$(CACHE)"
