# Each target sets up what it needs: on a fresh machine one command is enough.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON := .venv/bin/python
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A value given to make goes on through the environment, as it is: no shell reads it.
given = $(if $(findstring command,$(origin $(1))),$(value $(1)))
unexport RECIPE EPOCHS SEED SEEDS RUN_DIR MODEL PHOTOS ANSWERS SHARE
export GIVEN_RECIPE = $(call given,RECIPE)
export GIVEN_EPOCHS = $(call given,EPOCHS)
export GIVEN_SEED = $(call given,SEED)
export GIVEN_SEEDS = $(call given,SEEDS)
export GIVEN_RUN_DIR = $(call given,RUN_DIR)
export GIVEN_MODEL = $(call given,MODEL)
export GIVEN_PHOTOS = $(call given,PHOTOS)
export GIVEN_ANSWERS = $(call given,ANSWERS)

# One make at a time sets up, where the system has flock.
ALONE := $(shell command -v flock > /dev/null && echo flock Makefile)
# If the Python that .venv was made with is gone, everything is set up again.
$(shell $(PYTHON) -c "import nbclient" 2> /dev/null || rm -f .venv/installed)

.PHONY: app infer train notebook test test-colab test-browser test-cluster
.PHONY: screenshot bench report seeds
.PHONY: environment data debian-data

# A web page to drop photos on; with SHARE=1, for others too.
app: .venv/installed
	@$(PYTHON) app.py --model "$${GIVEN_MODEL:-photos}" $(if $(filter 1,$(call given,SHARE)),--share)

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

.venv/installed: requirements.txt requirements-dev.txt
	@$(if $(ALONE),flock --nonblock Makefile true || echo "Another make sets up; this one waits.")
	@$(ALONE) bash -c 'test .venv/installed -nt requirements.txt -a \
		.venv/installed -nt requirements-dev.txt || $(MAKE) --no-print-directory environment'

environment:
	@echo "Setting up .venv with $$(python3 --version): 3.5 GB of packages, a few minutes."
	@$(PYTHON) -m pip --version > /dev/null 2>&1 || python3 -m venv --clear .venv
	@$(PYTHON) -m pip install --quiet --requirement requirements-dev.txt > .venv/log 2>&1 || \
		{ grep ERROR .venv/log; echo "Not all packages are installed: run this again, with Python" \
		"3.11 to 3.13 and 4 GB of room; the full log is .venv/log."; exit 1; }
	@touch .venv/installed

# What only some tests need: .venv/browser and .venv/cluster.
.venv/%: requirements-%.txt .venv/installed
	@$(PYTHON) -m pip install --quiet --requirement $<
	@touch $@

.venv-colab/installed: tests/colab/constraints.txt
	@for python in python3.13 $$HOME/.pyenv/versions/3.13.*/bin/python \
		python3.12 $$HOME/.pyenv/versions/3.12.*/bin/python; do \
		$$python -m venv --clear .venv-colab 2>/dev/null && break; \
	done || { echo "Colab runs Python 3.13 or 3.12, and neither is found here; install one."; exit 1; }
	.venv-colab/bin/pip install --quiet --constraint $< tensorflow keras numpy matplotlib \
		scikit-learn seaborn pandas pillow opencv-python-headless gradio ipython ipykernel nbconvert pytest
	touch $@

CACHE := $${KERAS_HOME:-$$HOME/.keras}/datasets/fashion-mnist
LOAD := $(PYTHON) -c "from fmnist_utils import data; data.load()"

# The network first; where there is none, Debian's package, unpacked without root.
data: .venv/installed
	@test -n "$$FMNIST_DIR" -o -e "$(CACHE)/t10k-labels-idx1-ubyte.gz" \
		-o -d /usr/share/datasets/fashion-mnist || \
		echo "Fetching Fashion-MNIST (31 MB) from Google's copy of it."
	@$(ALONE) $(LOAD) > /dev/null 2>&1 || { test -n "$$FMNIST_DIR" || { \
		echo "That failed, so it comes from Debian's package dataset-fashion-mnist."; \
		$(ALONE) $(MAKE) --no-print-directory debian-data; }; \
		$(LOAD) 2>&1 | tail -n 1 | sed "s/^fmnist_utils.errors.UserError: //"; }

debian-data:
	@set -e; folder=$$(mktemp -d); trap "rm -rf $$folder" EXIT; \
	mkdir -p $$folder/lists/partial $$folder/cache/archives/partial; cd $$folder; \
	apt="apt-get -qq -o Dir::State::Lists=$$folder/lists -o Dir::Cache=$$folder/cache"; \
	apt="$$apt -o APT::Sandbox::User=root"; \
	$$apt update; $$apt download dataset-fashion-mnist; dpkg -x dataset-fashion-mnist_*.deb .; \
	mkdir -p "$(CACHE)"; cp usr/share/datasets/fashion-mnist/*.gz "$(CACHE)"
