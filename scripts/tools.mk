# Versions of everything that is built to work on the project but is not part of it.
# `make` builds these into bin/tools and builds them again when a version here, or the Go version, changes.

GOLANGCI_LINT_VERSION := v2.15.0

# The formatter that golangci-lint v2.15.0 embeds. Raise both together, or `make fmt` and `make lint` disagree.
GOFUMPT_VERSION := v0.12.0

# The helper that `make bench` compares with.
REFERENCE_VERSION := v0.12.0
