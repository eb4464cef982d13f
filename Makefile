# Everything runs in .venv; nothing but Python (3.11 is proven, up to 3.14 admitted) and make is needed.
# PYTHON=... names the interpreter to make it with, JOBS=... the number of test workers.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2
FUZZ ?= 20000
# Tests share the cores by processes; more threads in each would only get in each other's way.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
AUDIOCRAFT := .cache/audiocraft-tests

.PHONY: help setup demo test test-gpu test-slurm test-all fuzz lint format audiocraft-tests lock wheels
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

setup: $(STAMP)  ## install everything into .venv

# Picks the build of torch by the GPUs of this machine, or as UV_TORCH_BACKEND=cpu, cu126 or cu130 says.
$(STAMP): requirements.lock pyproject.toml .ci/install
	@PYTHON="$(PYTHON)" VENV="$(VENV)" .ci/install
	@$(BIN)/python -m orchestrator_solver.decoding.compiled.build  # else the first take waits for it
	@echo "$(UV_TORCH_BACKEND)" > $@

# What is installed is exchanged when another build is asked for.
ifneq ($(UV_TORCH_BACKEND),)
ifneq ($(UV_TORCH_BACKEND),$(shell cat $(STAMP) 2>/dev/null))
.PHONY: $(STAMP)
endif
endif

demo: $(STAMP)  ## corpus, fine-tuning, Table 1 and a listening page; goes on where it was interrupted
	$(BIN)/orchestrator demo

test: $(STAMP)  ## the tests, without the slow ones (under 10 minutes)
	$(PYTEST) -m "not slow and not gpu and not slurm"

test-all: $(STAMP)  ## all tests, with faults and distributed runs (under 40 minutes)
	$(PYTEST) -m "not gpu and not slurm"

test-gpu: $(STAMP)  ## what only a GPU of CUDA can show, two of them where two processes share a model
	$(BIN)/python -m pytest -m gpu tests/gpu

test-slurm: $(STAMP)  ## grids and jobs on a Slurm of one node, which it starts; wants root and Debian's packages of it
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slurm tests/slurm

fuzz: $(STAMP)  ## FUZZ=20000 inputs of strangers at every door; findings are in outputs/fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzz --inputs $(FUZZ) --jobs $(JOBS)

lint: $(STAMP)  ## ruff, mypy, and that imports only point down (import-linter)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

format: $(STAMP)  ## let ruff fix and lay out the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The installed package is tested, with the tests of its source archive. Left out: the one test that reads its
# result back by torchaudio.load, which needs torchcodec and a system's FFmpeg; audiocraft itself reads with PyAV.
audiocraft-tests: $(STAMP) $(AUDIOCRAFT)/tests  ## audiocraft's own unit tests (220 of 221), with our seams closed
	cd $(AUDIOCRAFT) && OMP_NUM_THREADS=1 $(CURDIR)/$(BIN)/python -m pytest -n $(JOBS) -q tests \
		-p orchestrator_solver -k "not test_audio_write_wav"

$(AUDIOCRAFT)/tests:
	@mkdir -p $(AUDIOCRAFT)
	$(BIN)/python -m pip download --quiet --no-deps --no-binary :all: --no-build-isolation -d .cache audiocraft==1.3.0
	tar -xzf .cache/audiocraft-1.3.0.tar.gz -C $(AUDIOCRAFT) --strip-components=1 audiocraft-1.3.0/tests

wheels: $(STAMP)  ## which locked packages have no wheel, for every platform and Python (resolves 12 times)
	$(BIN)/python .ci/wheels.py

# Exact versions for every platform, and nothing of this machine: no folder of wheels, no address, no "+cpu".
# torch's CUDA packages are left out: torch pins them itself, and in the lock a CPU build would drag them in.
lock: $(STAMP)  ## renew requirements.lock from pyproject.toml (UPGRADE=--upgrade: to the newest versions)
	env -u UV_FIND_LINKS -u PIP_FIND_LINKS $(BIN)/uv pip compile pyproject.toml --quiet --universal --extra dev \
		--python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UPGRADE) -o requirements.lock
	sed -i.old -E '/^(nvidia|cuda|triton)[a-z0-9-]*==/d' requirements.lock && rm requirements.lock.old
