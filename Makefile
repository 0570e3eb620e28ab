# Every check and every test has its target here; CI runs the same ones (.ci/run). `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

GO ?= go
FUZZTIME ?= 60s
BENCH ?= .
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

TOOL := $(GO) tool -modfile=$(CURDIR)/tools/go.mod
# Every module of the repository, and those whose Go code is checked: the conformance suites are vetted when they are built.
MODULES := $(sort $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path '*/node_modules/*' -not -path '*/testdata/*')))
CHECKED := $(filter-out ./tools ./conformance/%,$(MODULES))
# Two builds of the same suite at a time would do everything twice (where the system has flock, they do not).
LOCKED := $(shell command -v flock >/dev/null && echo flock $(CURDIR)/bin/conformance.lock)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | awk -F'\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'

##——— the program

.PHONY: build
build: ## a static binary: bin/patchbay
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/patchbay ./cmd/patchbay

.PHONY: docs
docs: ## write the generated pages of docs/ again
	@grep -rlE --include='*_test.go' '^func TestDocumentationIsCurrent\(' internal cmd | xargs -r -n1 dirname | sort -u | while read -r package; do \
		$(GO) test "./$$package" -run '^TestDocumentationIsCurrent$$' -update </dev/null; \
	done

##——— checks

.PHONY: check
check: tidy verify format vet lint ## everything but the tests: tidy, verify, format, vet, lint

.PHONY: tidy
tidy: ## go.mod and go.sum of every module say what is used
	@for module in $(MODULES); do echo "tidy    $$module"; (cd $$module && $(GO) mod tidy -diff); done

.PHONY: verify
verify: ## the downloaded dependencies are what go.sum says
	@for module in $(MODULES); do echo "verify  $$module"; (cd $$module && $(GO) mod verify >/dev/null); done

.PHONY: format
format: ## gofumpt and the order of imports; `make fix` writes them
	@echo 'format  .'
	@$(TOOL) golangci-lint fmt --diff

.PHONY: fix
fix: ## format every Go file and mend what the linters can mend
	$(TOOL) golangci-lint fmt
	@for module in $(CHECKED); do (cd $$module && $(TOOL) golangci-lint run --config $(CURDIR)/.golangci.yml --fix ./...); done

.PHONY: vet
vet: ## go vet
	@for module in $(CHECKED); do echo "vet     $$module"; (cd $$module && $(GO) vet ./...); done

.PHONY: lint
lint: ## golangci-lint, pinned in tools/go.mod
	@for module in $(CHECKED); do echo "lint    $$module"; (cd $$module && $(TOOL) golangci-lint run --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: vuln
vuln: ## govulncheck; asks vuln.go.dev, so it is not part of `check`
	@for module in $(CHECKED); do echo "vuln    $$module"; (cd $$module && $(TOOL) govulncheck ./...); done

##——— tests

# The conformance suites take long to build for the first time, so that begins beside the unit tests, out of their way. What
# goes wrong there is shown when `conformance` builds again.
.PHONY: test
test: prepare ## all tests: unit, the conformance suites, a cluster that is broken on purpose; installs what they need
	@mkdir -p bin; set -m; nice -n 19 $(MAKE) conformance-build >bin/conformance-build.log 2>&1 & build=$$!; set +m; \
	trap 'kill -- -$$build 2>/dev/null || true' EXIT; \
	$(MAKE) unit; \
	$(MAKE) conformance; \
	$(MAKE) cluster

.PHONY: prepare
prepare: ## install or ask for what the tests run: openssl, node, a C compiler
	@tools/prepare.sh

.PHONY: unit
unit: ## the tests of this module, with the race detector, in random order
	$(GO) test -race -shuffle=on -timeout 20m ./...

.PHONY: cluster
cluster: build ## deploy/cluster on this machine, checked and broken: trials/run short; `trials/run full` takes two hours
	cd trials && $(GO) test ./...
	deploy/cluster/check --binary $(CURDIR)/bin/patchbay
	PATCHBAY_BIN=$(CURDIR)/bin/patchbay trials/run short

.PHONY: conformance
conformance: conformance-build ## real Graph clients against a started binary, its data in SQLite and then in PostgreSQL
	conformance/run
	conformance/run --on postgres

.PHONY: conformance-build
conformance-build: ## build the conformance suites and the programs they run; the first time takes about 15 minutes
	@mkdir -p bin
	@for suite in $(filter ./conformance/%,$(MODULES)); do \
		echo "build   $$suite"; (cd $$suite && $(LOCKED) $(GO) test -run '^$$' ./... >/dev/null); \
	done
	@for suite in $(patsubst %/package-lock.json,%,$(wildcard conformance/*/package-lock.json)); do \
		if [ ! $$suite/node_modules/.package-lock.json -nt $$suite/package-lock.json ]; then \
			echo "install $$suite"; (cd $$suite && $(LOCKED) npm ci --no-audit --no-fund --loglevel=error); \
		fi; \
	done
	@for script in $(wildcard conformance/*/build.sh); do echo "build   $${script%/build.sh}"; $$script >/dev/null; done

.PHONY: fuzz
fuzz: ## every fuzz target in turn, FUZZTIME (60s) each
	@grep -rE --include='*_test.go' '^func Fuzz\w+\(' internal cmd | sed -E 's|/[^/]+:func (\w+).*| \1|' | sort | while read -r package target; do \
		echo "fuzz    $$target in $$package"; \
		$(GO) test "./$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) </dev/null; \
	done

.PHONY: bench
bench: ## benchmarks whose names match BENCH: those of the rooms, then the whole program beside its peers (bench/)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./internal/...
	@for module in $(filter ./bench,$(MODULES)); do cd $$module && $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./...; done

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
