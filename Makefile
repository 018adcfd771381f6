# What a person wants from this tree. `make help` lists it.

CARGO ?= cargo
# Where cargo builds; every target and script keeps what it makes there.
TARGET := $(or $(CARGO_TARGET_DIR),target)
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')

.PHONY: help build try test test-all unit-test system-test torture man deb rpm bench lint clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

build: ## the module, the agent and mfactl, in target/release
	tests/install-needs --build
	$(CARGO) build --release --locked

try: build ## a login with a second factor, on this terminal, that changes nothing of this machine
	@tests/try

test: unit-test system-test ## all tests; what needs root asks for sudo

unit-test:
	tests/install-needs
	$(CARGO) test --locked --workspace --exclude mfa-tests

system-test: build
	tests/install-needs
	MFA_TEST_BIN=$(TARGET)/release INSTA_WORKSPACE_ROOT=$(CURDIR) \
		CARGO_TARGET_$(HOST)_RUNNER="$(CURDIR)/tests/as-root" \
		$(CARGO) test --locked -p mfa-tests

test-all: test man ## all tests, and those that take minutes; not those of make torture
	tests/install-needs --all
	MFA_TEST_BIN=$(TARGET)/release INSTA_WORKSPACE_ROOT=$(CURDIR) \
		CARGO_TARGET_$(HOST)_RUNNER="$(CURDIR)/tests/as-root" \
		$(CARGO) test --locked -p mfa-tests -- --ignored --skip torture::

torture: build ## power cuts, kills, failing disks and a long load, as in docs/reliability.md; takes hours
	tests/install-needs
	$(CARGO) test --locked -p mfa-agent --lib torture:: -- --ignored --nocapture
	MFA_TEST_BIN=target/release INSTA_WORKSPACE_ROOT=$(CURDIR) \
		CARGO_TARGET_$(HOST)_RUNNER="$(CURDIR)/tests/as-root" \
		$(CARGO) test --locked -p mfa-tests --test 'torture_*' torture:: -- \
			--ignored --nocapture --test-threads 1

man: build ## man pages and completions, in target/man and target/completions
	$(TARGET)/release/mfa-manual $(TARGET)

deb: man ## the Debian package, in target/debian
	tests/install-needs --package
	packaging/deb

rpm: man ## the package for Fedora and RHEL, in target/rpm
	tests/install-needs --package
	packaging/rpm

bench: build ## logins a second and memory, side by side with the peers of Debian
	tests/install-needs --bench
	@tests/bench

lint: ## clippy, rustfmt, licences and sources of what we depend on
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check bans licenses sources

clean: ## remove what was built
	$(CARGO) clean
