# `make demo` builds the reference bundle, `make test` runs every check. Both set up what is missing.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
CACHE := .cache
PYTEST := $(BIN)/python -m pytest -q
# Two tests at once; those that share a store are one worker's (tests/conftest.py).
AT_ONCE := -n 2 --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick lint types layers recipes docs bench baseline stand-ins requirements harnesses clean clean-all engine

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(CACHE)/runtime ## Build, prove and pack the bundle of the chip `cpu` and a small model
	$(BIN)/flagrelease build --chip cpu --model smollm2-135m-instruct

test: $(CACHE)/dev $(CACHE)/reference $(CACHE)/tools $(CACHE)/another-git $(CACHE)/buildx $(CACHE)/tools/usr/bin/qemu-aarch64-static engine ## Run every check and every test
	$(MAKE) lint types layers recipes
	$(PYTEST) $(AT_ONCE) tests

test-quick: $(CACHE)/dev $(CACHE)/tools ## Run the checks and the tests that need no network and no minutes
	$(MAKE) lint types layers recipes
	$(PYTEST) $(AT_ONCE) -m "not slow" tests

lint: $(CACHE)/dev ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(CACHE)/dev ## Check types
	$(BIN)/mypy

layers: $(CACHE)/dev ## Check who may import whom
	$(BIN)/lint-imports --no-cache

recipes: $(CACHE)/dev ## Check the recipes, their schemas and their locks
	$(BIN)/flagrelease lint
	$(BIN)/flagrelease schema --check
	$(BIN)/flagrelease lock --check

docs: $(CACHE)/dev ## Write the pages that are made from recipes and rules
	$(BIN)/python -m tests.recipes.host_page
	$(BIN)/python -m tests.recipes.seed_document --update
	$(BIN)/python -m tests.gate.seed_replay --update

bench: $(CACHE)/dev $(CACHE)/peers ## Print the benchmarks: each a ratio or a budget, measured now
	$(BIN)/python -m tests.benchmarks

baseline: $(CACHE)/dev $(CACHE)/reference ## Produce the reference record of the small model anew (minutes)
	$(BIN)/python -m tests.evaluation.make_baseline

stand-ins: $(CACHE)/dev ## Lock the base image of rehearsals anew, by name, version and hash
	$(BIN)/python -m tests.rehearsal.lock_base

requirements: $(CACHE)/dev ## Lock the dependencies anew, by name, version and hash
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --group build $(LOCK_OPTIONS) -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --group dev $(LOCK_OPTIONS) -o requirements-dev.lock

harnesses: $(CACHE)/dev ## Lock the environments of harnesses anew, by name, version and hash; then `flagrelease lock`
	for one in lm-eval evalscope; do $(BIN)/uv pip compile --quiet --upgrade recipes/harnesses/$$one.in $(LOCK_OPTIONS:requirements"=harnesses") -o recipes/harnesses/$$one.lock || exit 1; done
LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make requirements"

clean: ## Remove what builds and tests left in this folder
	rm -rf out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

clean-all: clean ## Remove the environments and the store as well
	if [ -x $(BIN)/flagrelease ]; then $(BIN)/flagrelease gc --all; fi
	rm -rf .venv .venv-reference .venv-peers $(CACHE)

# Each of these is a stamp: it is newer than what it was made from.
$(BIN)/python:
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

$(CACHE)/runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	mkdir -p $(CACHE) && touch $@

$(CACHE)/dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	mkdir -p $(CACHE) && touch $@ $(CACHE)/runtime

# The reference stack (torch, transformers) is large and lives apart: flagrelease never imports it.
$(CACHE)/reference: tests/evaluation/reference-requirements.txt
	$(PYTHON) -m venv .venv-reference || { rm -rf .venv-reference; exit 1; }
	.venv-reference/bin/pip install --quiet -r $<
	mkdir -p $(CACHE) && touch $@

$(CACHE)/peers: tests/benchmarks/peers.txt
	$(PYTHON) -m venv .venv-peers || { rm -rf .venv-peers; exit 1; }
	.venv-peers/bin/pip install --quiet -r $<
	mkdir -p $(CACHE) && touch $@

# apt in folders of its own, so that an ordinary user may refresh the lists.
APT := -o Dir::State::lists=$(CURDIR)/$(CACHE)/apt/lists -o Dir::Cache=$(CURDIR)/$(CACHE)/apt -o APT::Sandbox::User=""

# Git of another Debian release. Without it, the tests that compare the two say so and are skipped.
$(CACHE)/another-git: tests/patching/another_git.sh
	sh tests/patching/another_git.sh $@ || { rm -rf $@; mkdir -p $@; }

# A real registry for the publish tests, from Debian's package, unpacked here: needs no root.
$(CACHE)/tools: | $(CACHE)/tools/usr/bin/docker-registry $(CACHE)/tools/bin/busybox
DOWNLOAD = mkdir -p $(CACHE)/apt/lists/partial $(CACHE)/tools && apt-get $(APT) -qq update && cd $(CACHE)/tools && \
	apt-get $(APT) -qq download $(1)
FETCH = $(call DOWNLOAD,$(1)) && dpkg-deb -x $(1)_*.deb . && rm $(1)_*.deb
$(CACHE)/tools/usr/bin/docker-registry:
	$(call FETCH,docker-registry)

# A base for the images of tests: one program without libraries.
$(CACHE)/tools/bin/busybox:
	$(call FETCH,busybox-static)

# Programs for arm64 on another machine, so that a chip that is for arm64 alone can be rehearsed; one of its 60 files.
$(CACHE)/tools/usr/bin/qemu-aarch64-static:
	$(call DOWNLOAD,qemu-user-static) && dpkg-deb --fsys-tarfile qemu-user-static_*.deb | \
		tar -x --touch ./usr/bin/qemu-aarch64-static && rm qemu-user-static_*.deb

# A container engine for the tests that need one: installed only in CI, or where INSTALL=1 asks for it. The tests start
# their own; the one that the package would start is held back where policy-rc.d can say so.
engine:
	@if [ -x /usr/sbin/dockerd ]; then :; \
	elif [ "$(CI)" = true ] || [ "$(INSTALL)" = 1 ]; then sh tests/engine_docker/install.sh; \
	else echo "no container engine here: its tests are skipped (INSTALL=1 make test installs Debian's docker.io)"; fi

# The buildx of another Debian release, for whose package this one has none. Without it, its tests say so and are skipped.
$(CACHE)/buildx: tests/engine_docker/buildx.sh
	sh tests/engine_docker/buildx.sh $@ || { rm -rf $@; mkdir -p $@; }
