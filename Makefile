# SayIt. `make help` lists the targets. Python 3.11+ and make are all that has to be installed beforehand.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PROTOS := $(shell find protos/sayit -name '*.proto' 2>/dev/null)
GEN := protos/gen/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup run up test faults check lint types imports protos protos-check docs docs-check constraints clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.ready: constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "SayIt needs Python 3.11 or newer on the PATH (or: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS))." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv) and call make again." >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version), once; this takes a minute or two ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.ready ## create the environment in .venv; the command is then .venv/bin/sayit

protos: $(VENV)/.ready ## generate the Python code of the protos
	@rm -rf $(GEN) && mkdir -p $(GEN)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos \
		--python_out=$(GEN) --grpc_python_out=$(GEN) --mypy_out=$(GEN) --mypy_grpc_out=$(GEN) $(PROTOS)

protos-check: protos ## fail if the committed generated code differs from the protos
	@git diff --exit-code --stat -- $(GEN) && test -z "$$(git status --porcelain -- $(GEN))"
