# `make run` boots an instance, `make test` proves it; both install what they miss.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.NOTPARALLEL:

export CARGO_TERM_COLOR ?= auto
CARGO := cargo
VENV := target/venv-main
TEST_VENV := target/venv-test

.PHONY: help run stop exec shell test lint fuzz bench web build packages venv clean

help:
	@sed -n 's/^## //p' Makefile

## make run              boots an instance in the foreground; DETACH=1 returns when it answers
run: build venv
	@tools/run.sh up

## make stop             ends it
stop:
	@tools/run.sh down

## make exec CMD='…'     runs a command inside
# The text as it was given: $(…) in it is for the shell inside, and make would expand it here.
unexport CMD
exec: export COMMAND_INSIDE := $(value CMD)
exec:
	@tools/run.sh exec "$$COMMAND_INSIDE"

## make shell            opens a shell inside
shell:
	@tools/run.sh shell

build: packages
	@$(CARGO) build --release --locked --workspace --exclude e2e

packages:
	@tools/packages.sh openssh-server openssh-client cron curl

venv: packages
	@tools/venv.sh $(VENV) docker/requirements-main.txt /venv/main
	@tools/venv.sh $(TEST_VENV) tests/requirements.txt

## make test             everything that CI runs after lint
test:
	@tools/test.sh

## make lint             formatting, clippy, docs, licences, unused dependencies, scripts, front end
lint:
	@tools/lint.sh

## make fuzz T=name      looks for input that breaks a target, for S=600 seconds; MINIMISE=1 keeps what it learns
fuzz: export FUZZ_TARGET := $(value T)
fuzz: export FUZZ_SECONDS := $(or $(value S),600)
fuzz:
	@tools/fuzz.sh "$$FUZZ_TARGET" "$$FUZZ_SECONDS"

## make bench            measures against the peers; ONLY=boot|supervisor|proxy|sync|tunnel|gpu|portal
bench: build venv
	@tools/packages.sh nginx haproxy wrk nghttp2-client
	@$(CARGO) run --release --locked --quiet -p e2e --bin bench -- $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

## make web              rebuilds the portal's page into crates/portald/web/dist
web:
	@cd crates/portald/web && npm ci --ignore-scripts --no-fund --no-audit && npm run build

clean:
	@$(CARGO) clean

## make screenshots      renews docs/screenshots from a running instance: LINK='https://…/?token=…'
.PHONY: screenshots
screenshots:
	@npm ci --prefix tests/browser --ignore-scripts --no-fund --no-audit --silent
	@mkdir -p docs/screenshots
	@node tests/browser/screenshots.mjs '$(LINK)' docs/screenshots
