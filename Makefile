# Everything runs in .venv; nothing but Python (3.11 is proven) and make is needed.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORK ?= work

.PHONY: help setup demo test test-all lint audiocraft-tests lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

setup: $(STAMP)  ## install everything into .venv

# The installer picks the GPU build of torch where there is a GPU, and a CPU build where one can be had.
$(STAMP): requirements.lock pyproject.toml scripts-install.sh
	PYTHON=$(PYTHON) VENV=$(VENV) sh scripts-install.sh
	@touch $@
