# Each target sets up what it needs: on a fresh machine one command is enough.
SHELL := /bin/bash
PYTHON := .venv/bin/python
export TF_CPP_MIN_LOG_LEVEL ?= 3

PARAMETERS := RECIPE EPOCHS SEED RUN_DIR MODEL PHOTOS
# A run that fails leaves the notebook that was executed before as it is.
papermill = mkdir -p runs && .venv/bin/papermill --log-output --no-progress-bar --log-level INFO \
	$(foreach name,$(PARAMETERS),$(if $($(name)),-p $(name) '$($(name))')) $(1).ipynb runs/.$(1).ipynb && \
	mv runs/.$(1).ipynb runs/$(1).ipynb && \
	.venv/bin/jupyter nbconvert --log-level WARN --to html runs/$(1).ipynb && \
	sed -i.bak 's|</head>|<style>.jp-OutputArea-output pre {font-family: monospace}</style></head>|' \
	runs/$(1).html && rm runs/$(1).html.bak

.PHONY: train infer notebook data test test-colab test-browser bench report seeds

test: data
	.venv/bin/ruff check . && .venv/bin/ruff format --check .
	$(PYTHON) -m pytest

# The notebooks on Colab's own versions of the packages.
test-colab: data .venv-colab/installed
	.venv-colab/bin/python -m pytest tests/test_colab.py tests/test_notebooks.py

.venv-colab/installed: tests/colab/constraints.txt
	@for python in python3.13 $$HOME/.pyenv/versions/3.13.*/bin/python \
		python3.12 $$HOME/.pyenv/versions/3.12.*/bin/python; do \
		$$python -m venv --clear .venv-colab 2>/dev/null && break; \
	done || { echo "Colab runs Python 3.13 or 3.12, and neither is found here; install one."; exit 1; }
	.venv-colab/bin/pip install --quiet --constraint $< tensorflow keras numpy matplotlib \
		scikit-learn seaborn pandas pillow opencv-python-headless tqdm ipython ipykernel papermill pytest
	touch $@

# The notebooks in JupyterLab, in a real browser.
test-browser: data .venv/playwright
	$(PYTHON) -m pytest tests/browser.py
	@echo "The screenshots are in runs/screenshots."

.venv/playwright: .venv/installed
	$(PYTHON) -m pip install --quiet playwright
	touch $@

.venv/installed: requirements.txt requirements-dev.txt
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --requirement requirements-dev.txt
	touch $@

train: data
	@$(call papermill,train)
	@echo "The executed notebook is runs/train.ipynb; its figures, for a browser, are in runs/train.html."
	@sed -n 's/^ *"\(The network and its results are .*\)\\n".*/\1/p' runs/train.ipynb

infer: data
	@$(call papermill,inference)
	@echo "The executed notebook is runs/inference.ipynb; its figures, for a browser, are in runs/inference.html."

notebook: data
	.venv/bin/jupyter lab

# Times training and classification beside other ways to do the same.
bench: data
	$(PYTHON) -m benchmarks.speed

# Writes what was measured into README, model card and notebook table.
report: data
	$(PYTHON) -m benchmarks.report

# Trains seeds of a recipe in full (or takes them from runs/) and rewrites its saved model.
seeds: data
	$(PYTHON) -m benchmarks.seeds --recipe $(or $(RECIPE),baseline) --seeds $(or $(SEEDS),0 1 2)

# The network first; where there is none, Debian's package, unpacked without root.
data: .venv/installed
	@$(PYTHON) -c "from fmnist_utils import data; data.load()" 2>/dev/null || $(MAKE) debian-data
	@$(PYTHON) -c "from fmnist_utils import data; data.load()"

.PHONY: debian-data
debian-data:
	@set -e; folder=$$(mktemp -d); trap "rm -rf $$folder" EXIT; \
	mkdir -p $$folder/lists/partial $$folder/cache/archives/partial; chmod -R 755 $$folder; cd $$folder; \
	apt="apt-get -qq -o Dir::State::Lists=$$folder/lists -o Dir::Cache=$$folder/cache"; \
	$$apt update; $$apt download dataset-fashion-mnist; dpkg -x dataset-fashion-mnist_*.deb .; \
	cache=$${KERAS_HOME:-$$HOME/.keras}/datasets/fashion-mnist; mkdir -p $$cache; \
	cp usr/share/datasets/fashion-mnist/*.gz $$cache
