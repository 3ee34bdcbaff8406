# The project's commands; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# DVC unpickles what lies in its site cache (CVE-2025-69872): keep that private to you.
export DVC_SITE_CACHE_DIR ?= $(CURDIR)/.dvc/tmp/site-cache
export DVC_NO_ANALYTICS := 1
export PYTHONDONTWRITEBYTECODE := 1
# DVC asks who you are and where your home is; `docker run -u`, OpenShift and Kubernetes may not say.
ifeq ($(LOGNAME)$(USER),)
export LOGNAME := $(firstword $(shell id -un 2>/dev/null || id -u))
endif
ifeq ($(filter-out /,$(HOME)),)
export HOME := $(CURDIR)/.dvc/tmp/home
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev repro verify image review report locked spread predict check format test test-all bench lock

# where the stages run: docker, podman or host; unset, stages/run chooses and says why
ifdef ENGINE
export STAGE_ENGINE := $(ENGINE)
endif

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: .venv/product ## Install what the pipeline needs, by hash, into .venv
setup-dev: .venv/tools ## ... and what the tests need

# uv where it is installed (12 s), else pip (80 s): the same packages by the same hashes
define install
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@if command -v uv >/dev/null; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); \
	else \
		$(BIN)/python -m pip install --quiet --require-hashes --disable-pip-version-check -r $(1); \
	fi
	@touch $@
endef

.venv/product: requirements.lock
	$(call install,requirements.lock)

.venv/tools: requirements-dev.lock .venv/product
	$(call install,requirements-dev.lock)

repro: setup ## Run what changed: all four stages the first time [RECIPE=tutorial ENGINE=docker]
	@install -d -m 700 $(DVC_SITE_CACHE_DIR)
ifneq ($(filter docker podman,$(ENGINE)),)
	@$(ENGINE) image inspect $$($(tag)) >/dev/null 2>&1 || $(MAKE) image
endif
ifdef RECIPE
	@stages/recipe $(RECIPE)
endif
	@$(BIN)/dvc repro

verify: setup ## Are all outputs, here and in the cache, what dvc.lock says? [RETRAIN=1: train again too]
	@install -d -m 700 $(DVC_SITE_CACHE_DIR)
	@PYTHONPATH=src $(BIN)/python -m sealed.verify
ifdef RETRAIN
	@PYTHONPATH=src $(BIN)/python -m mnist.verify
endif

image: setup ## Build the image that stages run in [LOCK=... BASE=... BUILD_FLAGS=... ENGINE=podman]
	@lock=$(LOCK); builder=$(or $(filter podman,$(ENGINE)),docker); \
	$$builder build --tag $$($(tag)) --build-arg LOCK=$${lock:-$$($(lock))} \
		$(if $(BASE),--build-arg BASE=$(BASE)) $(BUILD_FLAGS) .
tag = PYTHONPATH=src $(BIN)/python -m sealed.image tag $(LOCK)
lock = PYTHONPATH=src $(BIN)/python -m sealed.image lock

review: setup ## Compare with a git revision, in markdown; pictures in review.png [BASE=main REVIEW_FLAGS=...]
	@$(mnist).review --base $(or $(BASE),main) --picture review.png $(REVIEW_FLAGS)

report: setup ## The same and more as one page, report.html [BASE=main]
	@$(mnist).report --base $(or $(BASE),main) --output report.html

locked: setup ## Fail unless dvc.lock is that of the code, params and metrics here; needs no data
	@$(mnist).locked

spread: setup ## Train the recipe with several seeds, as DVC experiments [SEEDS=5]
	@install -d -m 700 $(DVC_SITE_CACHE_DIR)
	@$(mnist).spread --seeds $(or $(SEEDS),5)

predict: setup ## Read a digit of your own handwriting [IMAGE=my.png]
	@$(mnist).predict "$(IMAGE)"
mnist = PYTHONPATH=src $(BIN)/python -m mnist

check: setup-dev ## Format, lint, types, hashes
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python tests/check_locks.py

format: setup-dev ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

test: setup-dev ## The tests that take seconds
	$(BIN)/pytest -m "not slow"

test-all: setup-dev ## All tests
	$(BIN)/pytest

bench: setup .venv-bench/torch ## This against its peers, in one run; with RECIPES=fast:10 recipes over seeds
	$(BIN)/python benchmarks/$(if $(RECIPES),recipes.py $(RECIPES),run.py $(PARTS))

.venv-bench/torch: benchmarks/requirements.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --require-hashes --no-deps --disable-pip-version-check -r $<
	@touch $@

lock: ## Compile the locks anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml $(LOCK_FLAGS) -o requirements.lock
	uv pip compile pyproject.toml --extra gpu -c requirements.lock $(LOCK_FLAGS) -o requirements-gpu.lock
	uv pip compile --group dev -c requirements.lock $(LOCK_FLAGS) -o requirements-dev.lock
LOCK_FLAGS := --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --quiet
