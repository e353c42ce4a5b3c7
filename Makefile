# The one way in which people and CI build this project. `make help` lists the targets.
# Recipes are plain sh; whatever needs more is a bash script in scripts/.
include scripts/tools.mk

GO       ?= go
NAME     := docker-credential-ecr-login
MAIN     := ./ecr-login/cmd/$(NAME)
DEMO     := ./ecr-login/cmd/ecr-demo
BENCH    := ./ecr-login/cmd/ecr-bench
E2E      := ecr-login/e2e
TOOLS    := bin/tools
EXE      := $(shell $(GO) env GOEXE 2>/dev/null)
HOSTEXE  := $(shell GOOS= GOARCH= $(GO) env GOEXE 2>/dev/null)
MODULES  := . $(patsubst %/go.mod,%,$(wildcard $(E2E)/go.mod))

VERSION  ?= $(shell bash scripts/version)
COMMIT   ?= $(shell bash scripts/version --commit)
STAMPED  := ecr-credential-helper/ecr-login/internal/version
LDFLAGS   = -s -w -X $(STAMPED).Version=$(VERSION) -X $(STAMPED).Commit=$(COMMIT)
# -buildvcs=false: the commit is stamped above, so a source archive and a checkout give the same bytes.
# Assigned late: LDFLAGS asks git, which only a build needs.
GOBUILD   = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false

PREFIX   ?= $(HOME)/.local
BINDIR   ?= $(PREFIX)/bin

FUZZTIME ?= 10s
# Extra arguments, e.g. TESTFLAGS='-run TestParse -v', DEMO_FLAGS=--keep, BENCH_FLAGS='-only version -effort 30s'.
TESTFLAGS   ?=
DEMO_FLAGS  ?=
BENCH_FLAGS ?=
CONTAINER_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help build install test lint fmt tidy fuzz e2e demo bench vet-cross container ci clean distclean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

help: ## List the targets
	@echo 'Usage: make TARGET [VARIABLE=value]'
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## Build the static helper: bin/docker-credential-ecr-login (VERSION=)
	$(GOBUILD) -ldflags '$(LDFLAGS)' -o bin/$(NAME)$(EXE) $(MAIN)

install: build ## Install it into PREFIX/bin (PREFIX=~/.local, BINDIR=PREFIX/bin, DESTDIR=)
	install -d "$(DESTDIR)$(BINDIR)"
	install -m 0755 bin/$(NAME)$(EXE) "$(DESTDIR)$(BINDIR)/$(NAME)$(EXE)"
	@case ":$$PATH:" in *":$(BINDIR):"*) ;; *) \
		test -n "$(DESTDIR)" || echo 'note: $(BINDIR) is not in PATH; clients find the helper only there' ;; esac

test: ## Run the unit tests, shuffled, with the race detector where it works (TESTFLAGS=)
	GO="$(GO)" bash scripts/test $(TESTFLAGS)

lint: $(TOOLS)/golangci-lint$(HOSTEXE) ## Check style, formatting, module files and scripts
	GO="$(GO)" bash scripts/lint "$(TOOLS)/golangci-lint$(HOSTEXE)" $(MODULES)

fmt: $(TOOLS)/gofumpt$(HOSTEXE) ## Format all Go code
	$(TOOLS)/gofumpt$(HOSTEXE) -l -w .

tidy: ## Tidy go.mod and go.sum of every module
	@set -e; for m in $(MODULES); do (cd "$$m" && $(GO) mod tidy); done

fuzz: ## Run every fuzz target for FUZZTIME each (FUZZTIME=10s)
	GO="$(GO)" bash scripts/fuzz "$(FUZZTIME)"

e2e: build ## Let real clients pull and push through the helper; uses Debian packages
	GO="$(GO)" BIN="$(CURDIR)/bin/$(NAME)" ./$(E2E)/run.sh

demo: build ## Show it work: no AWS account, no root, no network (DEMO_FLAGS=--keep)
	$(GO) build -o bin/ecr-demo$(HOSTEXE) $(DEMO)
	bin/ecr-demo$(HOSTEXE) $(DEMO_FLAGS)

bench: build $(TOOLS)/reference ## Compare time and memory with the reference helper (BENCH_FLAGS='-only list')
	$(GOBUILD) -ldflags '-s -w' -o bin/bench/ $(BENCH) $(BENCH)/floor
	$(GOBUILD) -ldflags '-s -w' -tags linked -o bin/bench/floor-linked$(EXE) $(BENCH)/floor
	bin/bench/ecr-bench$(EXE) -ours bin/$(NAME)$(EXE) -reference $(TOOLS)/reference/$(NAME)$(EXE) \
		-floor bin/bench/floor$(EXE) -linked bin/bench/floor-linked$(EXE) $(BENCH_FLAGS)
	$(if $(BENCH_FLAGS),,$(GO) test -run '^$$' -bench Fleet -benchtime 1x ./ecr-login/internal/ranchersync)

vet-cross: ## Vet and compile, tests too, for macOS and Windows on amd64 and arm64
	GO="$(GO)" bash scripts/vet-cross

container: ## Build and test in a container, without Go on this machine; puts it in bin/ (CONTAINER_FLAGS=)
	bash scripts/container-build $(CONTAINER_FLAGS)

ci: ## Everything a change must pass, with the time of each step
	@MAKE="$(MAKE)" bash scripts/ci

clean: ## Remove what was built, except tools
	rm -rf bin/$(NAME) bin/$(NAME).exe bin/ecr-demo bin/ecr-demo.exe bin/bench dist coverage.out

distclean: clean ## Remove the built tools as well
	rm -rf bin

# Tools are built for the machine at hand, whatever GOOS says, and never reach the user's own GOPATH/bin.
# CGO_ENABLED=0: no C compiler needed. A tool is built anew when its pin or the Go version changes; the
# pins of other versions are dropped, so that going back to one builds as well.
GOVERSION := $(shell $(GO) env GOVERSION 2>/dev/null)
TOOLENV   := GOOS= GOARCH= GOFLAGS= CGO_ENABLED=0
pin        = $(TOOLS)/.pins/$(1)-$(2)-$(GOVERSION)
unpin      = @for p in $(TOOLS)/.pins/$(1)-*; do test "$$p" = "$<" || rm -f "$$p"; done; touch $@

$(TOOLS)/.pins/%:
	@mkdir -p $(@D)
	@touch $@

$(TOOLS)/golangci-lint$(HOSTEXE): $(call pin,golangci-lint,$(GOLANGCI_LINT_VERSION))
	$(TOOLENV) GOBIN="$(CURDIR)/$(TOOLS)" $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	$(call unpin,golangci-lint)

$(TOOLS)/gofumpt$(HOSTEXE): $(call pin,gofumpt,$(GOFUMPT_VERSION))
	$(TOOLENV) GOBIN="$(CURDIR)/$(TOOLS)" $(GO) install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
	$(call unpin,gofumpt)

# Stripped and static like ours, so that only the programs differ.
$(TOOLS)/reference: $(call pin,reference,$(REFERENCE_VERSION))
	$(TOOLENV) GOBIN="$(CURDIR)/$@" $(GO) install -trimpath -ldflags '-s -w' \
		github.com/awslabs/amazon-ecr-credential-helper/ecr-login/cli/$(NAME)@$(REFERENCE_VERSION)
	$(call unpin,reference)
