# SayIt. `make help` lists the targets. Python 3.11+ and make are all that has to be installed beforehand.
SUPPORTED := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$p $(SUPPORTED) 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PROTOS := $(shell find protos/sayit -name '*.proto' 2>/dev/null)
GEN := protos/gen/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup run up test faults bench load bench-live bench-plots eval-real check lint types imports protos protos-check docs docs-check openapi \
	generators pins clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# The lists in requirements/ are complete and are installed as they are: nothing is resolved, built or looked for in a newer
# version, so what others publish cannot change what is set up. `pip check` then says whether the list is consistent.
# pip fetches uv, which is pinned as all else is, and uv the rest: an old pip takes minutes to compare 190 index pages with
# what runs here. uv asks the index that pip is set to; where it does not run or reaches nothing, pip installs the same list.
PIP := -m pip
PIP_INSTALL = $(PIP) install -qq --no-deps
PINNED := --require-hashes --only-binary :all: -r
INDEX_OF_PIP = $(PIP) config list 2>/dev/null | sed -n "s/^[a-z:]*\\.index-url='\\(.*\\)'/\\1/p" | tail -n 1
UV_INSTALL = uv pip install -q --no-deps --compile-bytecode $(if $(filter 1 true yes on,$(PIP_NO_INDEX)),--no-index) $(addprefix --find-links ,$(PIP_FIND_LINKS))

define venv
	@$(or $(PYTHON),false) $(SUPPORTED) 2>/dev/null || { echo "SayIt needs Python 3.11, 3.12, 3.13 or 3.14 on the PATH (or: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS))." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv) and call make again." >&2; exit 1; }
	@echo "Setting up $(1) with $$($(PYTHON) --version), once; this takes half a minute ..."
	@$(PYTHON) -m venv --clear $(1)
	@trap 'exit 130' INT; { $(1)/bin/python $(PIP_INSTALL) $(PINNED) requirements/installer.txt \
		&& UV_DEFAULT_INDEX="$$($(1)/bin/python $(INDEX_OF_PIP))" $(1)/bin/$(UV_INSTALL) --python $(1)/bin/python $(PINNED) $(2); } \
		|| { echo "uv could not install it; pip does, which takes minutes ..."; $(1)/bin/python $(PIP_INSTALL) $(PINNED) $(2); }
endef

# One whose checkout was moved, or that lost its command, is made anew.
ifneq ($(wildcard $(VENV)/.ready),)
$(shell $(BIN)/sayit --version >/dev/null 2>&1 || rm -f $(VENV)/.ready)
endif

$(VENV)/.ready: requirements/development.txt pyproject.toml clients/python/pyproject.toml clients/eval/pyproject.toml
	$(call venv,$(VENV),requirements/development.txt)
	@$(BIN)/python $(PIP_INSTALL) --no-build-isolation -e clients/python -e clients/eval -e .
	@$(BIN)/python $(PIP) check
	@touch $@

setup: $(VENV)/.ready ## create the environment in .venv; the command is then .venv/bin/sayit

# What `make run` transcribes, in which language, with which model (a name such as small, or a CTranslate2 folder). Unasked
# it is real speech; the bundled model knows only its own recordings. Of the command line alone: LANGUAGE is gettext's, too.
AUDIO :=
LANGUAGE := auto
MODEL :=

run: setup ## start the suite, transcribe AUDIO=file in LANGUAGE=ko|en|auto with MODEL=name|folder, stop the suite
	@model="$(MODEL)"; test -n "$$model" || { model=$$($(BIN)/sayit models pull) && model=$${model%% *}; } || exit; \
	case "$$model" in micro) audio=recordings/ko-150s.flac ;; *) audio=recordings/sonnet-2.mp3 ;; esac; \
	$(BIN)/sayit transcribe "$(or $(AUDIO),$$audio)" --language "$(LANGUAGE)" --model "$$model"

up: setup ## start the suite and keep it running
	@$(BIN)/sayit up $(if $(MODEL),--model "$(MODEL)")

# There are no second tries: a test that fails now and then has found something. Compiled modules are kept even where
# PYTHONDONTWRITEBYTECODE asks for the opposite: hundreds of processes are started here, and each would compile anew.
# From Python 3.12 on coverage costs next to nothing (sys.monitoring), before it a third of what tests do in their own process.
test faults: export PYTHONDONTWRITEBYTECODE :=
# CI runs all tests. For a commit those stay out that are marked `thorough`, of which others show the same at less cost.
ALL ?=
test faults: export ALL_TESTS := $(ALL)
test: setup ## pass the tests of a commit, with coverage (up to 12 minutes on two cores); ALL=1: all, as CI does (10 to 30)
	@rm -f .coverage .coverage.*
	@COVERAGE_CORE=$$($(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")') \
		$(BIN)/python -m pytest -n auto --dist loadgroup --cov --cov-report= $(PYTEST_ARGS)
	@$(BIN)/python -m coverage report --fail-under=90

# Seeds and counts are printed; the long version's are also written down.
faults: setup ## inject faults for a long time (under 30 minutes), report in tests/faults/report.json; SHORT=1: as `make test` does, with ALL=1 or without
ifdef SHORT
	@$(BIN)/python -m pytest -n auto --dist loadgroup -m faults tests/faults
else
	@rm -f tests/faults/report.json
	@SAYIT_FAULTS=long SAYIT_FAULTS_REPORT=tests/faults/report.json $(BIN)/python -m pytest tests/faults -m faults -s --timeout 1700
endif

# A quiet machine, please: neighbours come and go between the two halves of a ratio.
ONLY ?=
SHORT ?=

bench: setup ## measure the twelve metrics beside the bare model (under 15 minutes on 2 cores), or ONLY=4,5 or ONLY=eta
	@$(BIN)/python -m benchmarks.run $(if $(ONLY),--only $(ONLY))
	@$(BIN)/python -m benchmarks.documentation

SHARE ?= 1

eval-real: setup ## error rates on real speech beside faster-whisper, if ../shared/real is there (under 15 minutes); SHARE=0.25: of the recordings
	@$(BIN)/python -m benchmarks.real_speech --share $(SHARE)

LOAD ?=

load: setup ## a day of traffic in ten minutes (500 requests, peaks of 60 % more), then 20 and 50 at once; LOAD="--minutes 2 --requests 100"
	@$(BIN)/python -m benchmarks.load.a_day $(LOAD)

bench-live: setup ## how far live text is behind the voice, on real speech, if ../shared/real is there (12 minutes); HOUR=1: whether that grows in an hour
	@$(BIN)/python -m benchmarks.$(if $(HOUR),live_hour,live)

bench-plots: setup ## measure throughput and latency over load, and speed over transcribers; draws benchmarks/plots/*.png
	@$(BIN)/python -m benchmarks.plots $(if $(SHORT),--short)

check: lint types imports protos-check docs-check ## lint, types, imports, generated code and generated documentation

lint: setup ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

TSC := clients/typescript/node_modules/.bin/tsc

types: setup ## mypy, strict; the page's modules where clients/typescript has its packages (npm ci)
	@$(BIN)/mypy
	@if test -x $(TSC); then $(TSC) -p clients/bridge; else echo "The page's types were not checked: no $(TSC)"; fi

imports: setup ## who may import whom
	@$(BIN)/lint-imports

# Generated code asks for the versions that generated it, so it is generated with the oldest that the client supports.
.venv-generation/.ready: requirements/generation.txt
	$(call venv,.venv-generation,requirements/generation.txt)
	@touch $@

protos: setup .venv-generation/.ready ## generate the Python code of the protos
	@rm -rf $(GEN) && mkdir -p $(GEN)
	@PATH="$(CURDIR)/$(BIN):$$PATH" .venv-generation/bin/python -W ignore -m grpc_tools.protoc -I protos \
		--python_out=$(GEN) --grpc_python_out=$(GEN) --mypy_out=quiet:$(GEN) --mypy_grpc_out=quiet:$(GEN) $(PROTOS)

protos-check: protos ## fail if the committed generated code differs from the protos
	@git diff --exit-code --stat -- $(GEN) && test -z "$$(git status --porcelain -- $(GEN))"

docs: setup ## write the generated parts of docs/
	@$(BIN)/sayit config --markdown > docs/configuration.md
	@$(BIN)/python tests/documentation/error_table.py
	@$(BIN)/python -m benchmarks.documentation

.venv-generators/.ready: requirements/generators.txt
	$(call venv,.venv-generators,requirements/generators.txt)
	@touch $@

generators: .venv-generators/.ready ## what makes clients of the OpenAPI document, which tests use where it is there

openapi: setup ## write the OpenAPI document that the TypeScript client is generated from, and its types where node is
	@$(BIN)/python clients/typescript/generate.py

docs-check: setup ## fail if a generated page differs from the code
	@$(BIN)/sayit config --markdown | diff -u docs/configuration.md - || { echo "docs/configuration.md is old: make docs" >&2; exit 1; }
	@$(BIN)/python -m benchmarks.documentation --check

COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-header --no-annotate --upgrade

pins: ## renew all pins: packages for every platform, with hashes, and the digest of the base image (needs uv and docker)
	@$(COMPILE) pyproject.toml --all-extras -o requirements/development.txt
	@for list in installer generation floor generators; do $(COMPILE) requirements/$$list.in -o requirements/$$list.txt || exit 1; done
	@$(COMPILE) -c requirements/development.txt requirements/deployment.in -o requirements/deployment.txt
	@digest=$$(docker buildx imagetools inspect python:3.11-slim-bookworm --format '{{json .Manifest.Digest}}' | tr -d '"') \
		&& test -n "$$digest" && sed -i.old -E "s/@sha256:[0-9a-f]{64}/@$$digest/" deploy/Dockerfile && rm deploy/Dockerfile.old

clean: ## delete the environments, caches and everything built; recordings, models and data stay
	@rm -rf .venv .venv-generation .venv-generators .coverage .coverage.* htmlcov build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache tests/faults/report.json clients/typescript/node_modules clients/typescript/dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
