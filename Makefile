# The project's commands; `make help` lists them.
SHELL := /bin/bash
RUN := .venv/bin/python -P -m
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
unexport CDPATH # by which a script's `cd` may end in another project
# DVC has to be told where there is no git: in an archive that was unpacked, say.
ifeq ($(shell git rev-parse --git-dir 2>/dev/null),)
export DVC_SYSTEM_CONFIG_DIR := $(CURDIR)/.dvc/without-git
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-remote repro worker gate verify pull push image tag review report locked spread dataset predict serve export check format test test-all bench lock

# Only what is typed after `make` counts. Others export these names for themselves: conda's compilers export
# HOST, WSL exports NAME, a cluster GPU=0. The value reaches a recipe through the environment alone and make
# never expands it: pasted into the recipe, a folder or branch with the name `$(date)` would run.
TYPED := BASE BUILD_FLAGS DATASET_FLAGS DVC_FLAGS ENGINE FORMAT FROM GPU HOST IMAGE JOBS LOCK NAME PARTS PORT PYTHON RECIPE RECIPES RETRAIN REVIEW_FLAGS SEEDS SERVE
define typed
ifeq ($(origin $(1)),command line)
override $(1) := $$(value $(1))
export $(1)
else
override undefine $(1)
endif
endef
$(foreach name,$(TYPED),$(eval $(call typed,$(name))))
# switches that are typed as off
$(foreach name,GPU RETRAIN SERVE,$(if $(filter 0 no false,$(value $(name))),$(eval override undefine $(name))))
export override PYTHON := $(or $(value PYTHON),python3)
# $(call split,NAME): the words of a variable, quoted ones whole, as the array `words`
split = { lines=$$(xargs -r printf '%s\n' <<<"$$$(1)" 2>/dev/null) || { \
	printf '%s: expected each quote to be closed, found: %s\n' "$(1:STAGE_%=%)" "$$$(1)" >&2; exit 2; }; } && words=() && \
	{ [ -z "$$lines" ] || mapfile -t words <<<"$$lines"; }

# where the stages run: docker, podman, bwrap, host or slurm; unset, stages/run chooses and says why
ifdef ENGINE
export STAGE_ENGINE := $(value ENGINE)
endif
ifdef BUILD_FLAGS
export STAGE_BUILD_FLAGS := $(value BUILD_FLAGS)
endif

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## Install what the pipeline needs, by hash, into .venv [GPU=1: with NVIDIA's libraries]
	@stages/setup $(if $(GPU),requirements-gpu.lock,requirements.lock)

setup-dev: setup setup-remote ## ... and what the tests need
	@stages/setup requirements-dev.lock requirements-export.lock requirements-serve.lock

setup-remote: ## Install DVC with SSH and S3 into .venv-remote: it takes other packages than the stages
	@stages/setup --in .venv-remote requirements-remote.lock

repro: setup ## Run what changed: all four stages the first time [RECIPE=tutorial ENGINE=docker DVC_FLAGS=--pull]
	@$(private)
	@$(call split,DVC_FLAGS) && PYTHONPATH=src $(RUN) sealed.ready "$${words[@]}"
	@[ -z "$$RECIPE" ] || stages/recipe "$$RECIPE"
	@$(mnist).configuration
	@case "$$STAGE_ENGINE" in docker | podman) \
		"$$STAGE_ENGINE" image inspect "$$($(tag))" >/dev/null 2>&1 || "$(MAKE)" image ;; esac
	@$(call split,DVC_FLAGS) && $(RUN) dvc repro "$${words[@]}"
	@$(mnist).gate --if-trained
private = install -d -m 700 -- "$$DVC_SITE_CACHE_DIR"

worker: setup ## Train beside a `make repro` elsewhere, which publishes: a cluster is in TF_CONFIG, or Slurm's step
	@stages/run --peer train

gate: setup ## Does the model that is here reach gate.minimum_accuracy?
	@$(mnist).gate

verify: setup ## Are all outputs, here and in the cache, what dvc.lock and .dvc files say? [RETRAIN=1: train again too]
	@$(private)
ifdef RETRAIN
	@$(verify) --allow-missing; outputs=$$?; \
	$(review) retrain --portable-unless train.reproducible=machine --needs-flag avx2 && exit $$outputs
else
	@$(verify)
endif

pull: setup setup-remote ## Bring what dvc.lock and .dvc files name from the DVC remote, a folder, SSH or S3, and read all of it again
	@$(private)
	@$(remote) pull
	@$(verify) || { echo "pull: DVC took it as the remote has it; delete it there, push it from a clone that is right" >&2; exit 1; }

push: setup setup-remote ## ... the other way: give the remote what it lacks, once it has been read again
	@$(private)
	@$(verify)
	@$(remote) push
verify = PYTHONPATH=src $(RUN) sealed verify
remote = .venv-remote/bin/python -P -m dvc

image: setup ## Build the image that stages run in; with SERVE=1 the server's [LOCK=... BASE=... BUILD_FLAGS=... ENGINE=podman]
ifdef SERVE
	@[ -f models/model.keras ] || { \
		echo "models/model.keras: expected a trained model, found no file; run \`make repro\`" >&2; exit 2; }
	@builder=docker && { [ "$$STAGE_ENGINE" != podman ] || builder=podman; } && $(call split,STAGE_BUILD_FLAGS) && \
	export LOCK=requirements.lock stages="$$(LOCK=requirements.lock; $(tag))" && \
	{ $$builder image inspect "$$stages" >/dev/null 2>&1 || "$(MAKE)" image SERVE=; } && \
	md5="$$(md5sum <models/model.keras | cut -d' ' -f1)" && name="localhost/serve:$${md5::16}" && \
	$$builder build --file serve.Dockerfile --tag "$$name" --build-arg STAGES="$$stages" \
		--build-arg MODEL_MD5="$$md5" "$${words[@]}" . && echo "$$name"
else
	@builder=docker && { [ "$$STAGE_ENGINE" != podman ] || builder=podman; } && $(call split,STAGE_BUILD_FLAGS) && \
	$$builder build --tag "$$($(tag))" --build-arg LOCK="$${LOCK:-$$($(lock))}" \
		$${BASE:+--build-arg BASE="$$BASE"} "$${words[@]}" .
endif
tag: setup ## Print the name of the image that stages run in
	@$(tag)
tag = PYTHONPATH=src $(RUN) sealed.engines.container.image tag $${LOCK:+"$$LOCK"}
lock = PYTHONPATH=src $(RUN) sealed.engines.container.image lock

review: setup ## Compare with a git revision, in markdown; pictures in review.png [BASE=main REVIEW_FLAGS=...]
	@$(call split,REVIEW_FLAGS) && $(review) diff --base="$${BASE:-main}" $(ours) --picture review.png "$${words[@]}"

report: setup ## The same and more as one page, report.html [BASE=main REVIEW_FLAGS=--tip]
	@$(call split,REVIEW_FLAGS) && $(review) report --base="$${BASE:-main}" $(ours) --output report.html "$${words[@]}"
ours = --images data/prepared/test.npz --spread-with 'make spread'

locked: setup ## Fail unless dvc.lock is that of the code, params and metrics here; needs no data
	@$(review) locked

spread: setup ## Train the recipe with several seeds, as DVC experiments, so many at once [SEEDS=5 JOBS=1]
	@$(private)
	@$(review) spread --param train.seed --metric accuracy --seeds="$${SEEDS:-5}" --jobs="$${JOBS:-1}"

dataset: setup ## A data set of your own pictures, FOLDER/train/CLASS/*.png [FROM=folder NAME=flowers DATASET_FLAGS=...]
	@$(private)
	@$(call split,DATASET_FLAGS) && $(mnist).collection "$${words[@]}" -- "$$FROM" "$$NAME"
	@$(RUN) dvc add --quiet "mirrors/$$NAME"

predict: setup ## Read a digit of your own handwriting [IMAGE=my.png]
	@$(mnist).predict -- "$$IMAGE"

# the second start finds what the first one compiled of TensorFlow, where `uv` installed it
serve: export PYTHONDONTWRITEBYTECODE :=
serve: setup ## A page to draw on, and an endpoint that reads what is sent to it [PORT=8000 HOST=127.0.0.1]
	@stages/setup requirements-serve.lock
	@$(mnist).serving --host="$${HOST:-127.0.0.1}" --port="$${PORT:-8000}"

export: setup ## The model in another format, checked in its own runtime on the whole test set [FORMAT=savedmodel or litert]
	@stages/setup requirements-export.lock
	@$(mnist).export -- "$$FORMAT"
mnist = PYTHONPATH=src $(RUN) mnist
review = PYTHONPATH=src $(RUN) review

check: setup-dev ## Format, lint, types, what the stages read and do not declare, hashes
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) mypy
	@$(private)
	@PYTHONPATH=src $(RUN) sealed check --strict
	.venv/bin/python tests/pipeline/check_locks.py

format: setup-dev ## Format the code
	$(RUN) ruff format
	$(RUN) ruff check --fix

test: setup-dev ## The tests that take no minute each [TEST_SAMPLES=100: with so many times more random samples]
	@echo "The tests take about 6 minutes on two cores."
	$(RUN) pytest $(side_by_side) -m "not slow"

test-all: setup-dev ## All tests
	@echo "All tests take about 20 minutes on two cores."
	$(RUN) pytest $(side_by_side)
side_by_side = -n logical --maxprocesses 4 --dist worksteal --durations 10

bench: setup .venv-bench/torch ## This against its peers, in one run; with RECIPES=fast:10 recipes over seeds
	@unset $$(git rev-parse --local-env-vars) && $(call split,$(if $(RECIPES),RECIPES,PARTS)) && \
	.venv/bin/python benchmarks/$(if $(RECIPES),recipes,run).py "$${words[@]}"

.venv-bench/torch: benchmarks/requirements.lock
	"$$PYTHON" -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --require-hashes --no-deps --disable-pip-version-check -r $<
	@touch $@

lock: ## Compile the locks anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml $(LOCK_FLAGS) -o requirements.lock
	uv pip compile pyproject.toml --extra gpu -c requirements.lock $(LOCK_FLAGS) -o requirements-gpu.lock
	uv pip compile --group dev -c requirements.lock $(LOCK_FLAGS) -o requirements-dev.lock
	uv pip compile --group export -c requirements.lock $(LOCK_FLAGS) -o requirements-export.lock
	uv pip compile --group serve -c requirements.lock $(LOCK_FLAGS) -o requirements-serve.lock
	uv pip compile --group remote -c <(grep -oE '^dvc[a-z-]*==[^ ]*' requirements.lock) $(LOCK_FLAGS) -o requirements-remote.lock
LOCK_FLAGS := --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --quiet
