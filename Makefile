# What a person wants from this tree. `make help` lists it.

CARGO ?= cargo
# Where cargo builds; every target and script keeps what it makes there.
TARGET := $(or $(CARGO_TARGET_DIR),target)
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')

.PHONY: help build try test test-all unit-test system-test torture man deb rpm bench lint msrv fuzz clean
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

# Built as the unit tests are, so that the workspace is built once. ONLY=sshd:: runs the tests of tests/sshd.rs.
system-test:
	tests/install-needs
	$(CARGO) build --locked --workspace --lib --bins $(SYSTEM_TESTS)
	$(call system-test-with,debug,$(ONLY))

# With what a release holds: it is built for the packages anyway.
test-all: unit-test man ## all tests, and those that take minutes; not those of make torture
	tests/install-needs --all
	$(call system-test-with,release,--include-ignored --skip torture::)

torture: build ## power cuts, kills, failing disks and a long load, as in docs/reliability.md; takes hours
	tests/install-needs --torture
	$(CARGO) test --locked --workspace --lib torture:: -- --ignored --nocapture
	$(call system-test-with,release,torture:: --ignored --nocapture --test-threads 1)

# The whole workspace is chosen even where one crate is tested: cargo would build its dependencies a second time, with
# fewer features.
SYSTEM_TESTS := --test 'system_*'
system-test-with = MFA_TEST_BIN=$(TARGET)/$(1) INSTA_WORKSPACE_ROOT=$(CURDIR) \
	CARGO_TARGET_$(HOST)_RUNNER="$(CURDIR)/tests/as-root" \
	$(CARGO) test --locked --workspace --no-fail-fast $(SYSTEM_TESTS) -- $(2)

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

lint: ## clippy, rustfmt, circles, documentation, spelling, shell scripts, links; advisories, licences, sources of crates
	tests/install-needs --lint
	$(CARGO) fmt --all --check
	$(CARGO) metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --locked --workspace --no-deps --document-private-items
	tests/circles
	tests/spelling
	tests/shellcheck
	tests/links
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check bans licenses sources
	tests/advisories

msrv: ## everything compiles with the oldest Rust that Cargo.toml promises
	tests/msrv

fuzz: ## every fuzz target, for SECONDS=10 each
	tests/install-needs --lint
	tests/fuzz $(or $(SECONDS),10)

clean: ## remove what was built
	$(CARGO) clean
