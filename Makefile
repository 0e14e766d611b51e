# Grantor. `make` alone says what there is.
SHELL         := /bin/bash
.SHELLFLAGS   := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# Arguments for what is run: make run ARGS="--config grantor.toml", make bench ARGS="--rounds 1"
ARGS ?=

TOOLS := target/tools
# A package of its own, which shares the folder of what is built.
BENCH := benches/load/Cargo.toml
BUILT := $${CARGO_TARGET_DIR:-target}
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

.PHONY: help
help: ## Say what there is
	@echo "Grantor: run 'make demo' to see it work, 'make test' to see it tested."
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ground ## Start a development server with its own private Postgres (ARGS=… goes to `grantor serve`)
	$(CARGO) run -- serve --dev $(ARGS)

.PHONY: demo
demo: ground ## Try it: a server with people, partners with keys, an app and an API, all gone at the end (ARGS=… goes to `grantor demo`)
	$(CARGO) build --bin grantor --examples
	@# Not by `cargo run`, which would build half of it anew, without what the examples need.
	@"$${CARGO_TARGET_DIR:-target}/debug/grantor" demo $(ARGS)

.PHONY: test
test: ground browser neighbours nextest ## Run every test, against a private Postgres and in a real browser
	@$(call run-tests,$$(scripts/ensure-envoy --filter))

.PHONY: browser-test
browser-test: ground browser nextest ## Run the tests of the pages in a real browser, and no others
	@# One of them is of the demo, which starts the examples.
	$(CARGO) build --bin grantor --examples
	@$(call run-tests,--test browser)

.PHONY: neighbours
neighbours:
	@scripts/ensure-neighbours
	@scripts/ensure-envoy

# How long nodes and Postgres are killed: make soak SOAK_MINUTES=60
SOAK_MINUTES ?= 3

.PHONY: soak
soak: ground ## Kill nodes and Postgres under load for minutes, and count what holds (SOAK_MINUTES=…)
	SOAK_MINUTES=$(SOAK_MINUTES) $(CARGO) test --test api -- soak_ --ignored --nocapture --test-threads=1

# Seconds of it: make fuzz FUZZ_SECONDS=600
FUZZ_SECONDS ?= 120

.PHONY: fuzz
fuzz: ground ## Send the management API what its document allows and forbids, by schemathesis (FUZZ_SECONDS=…)
	@scripts/ensure-schemathesis
	@# With the examples: without what they need, half of what the tests were built of would be built anew.
	$(CARGO) build --bin grantor --examples
	@scripts/fuzz-api $(FUZZ_SECONDS)

.PHONY: screenshots
screenshots: ground browser ## Take the pictures of the pages anew, into docs/screenshots
	$(CARGO) test --test browser screenshots::
	mkdir -p docs/screenshots
	cp target/screenshots/*.png docs/screenshots/

# Runs the tests that its argument picks; all of them without.
define run-tests
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
	    echo "Testing with cargo-nextest."; \
	    $(CARGO) nextest run $(1); \
	else \
	    echo "Testing with cargo test (cargo-nextest is faster: INSTALL_NEXTEST=1 make test)."; \
	    $(CARGO) test --no-fail-fast $(1); \
	fi
endef

.PHONY: nextest
nextest: toolchain
	@if ! $(CARGO) nextest --version >/dev/null 2>&1 \
	    && [[ "$${CI:-}" == true || "$${INSTALL_NEXTEST:-}" == 1 ]]; then \
	    echo "Installing cargo-nextest into $(TOOLS) …"; \
	    $(CARGO) install cargo-nextest --locked --root $(TOOLS) || echo "It could not be installed."; \
	fi

.PHONY: bench
bench: bench-programs ## Measure it beside the bare limit of this machine, in 10 minutes (ARGS="--only w1,w2 --markdown")
	@"$(BUILT)/release/load" run $(ARGS)

.PHONY: bench-growth
bench-growth: bench-programs ## Measure it with 1 and 10 million live tokens, and what it weighs (ARGS="--sizes 10000,20000")
	@"$(BUILT)/release/load" growth $(ARGS)

.PHONY: bench-check
bench-check: toolchain ## Lints and tests of the bench itself
	$(CARGO) fmt --check --manifest-path $(BENCH)
	$(CARGO) clippy --all-targets --manifest-path $(BENCH) --target-dir "$(BUILT)" -- -D warnings
	$(CARGO) test --manifest-path $(BENCH) --target-dir "$(BUILT)"

.PHONY: bench-programs
bench-programs: ground
	$(CARGO) build --release --locked --bin grantor
	$(CARGO) build --release --locked --manifest-path $(BENCH) --target-dir "$(BUILT)"

.PHONY: check
check: toolchain ## Formatting, lints and documentation, all without a warning
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path $(BENCH)
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

.PHONY: fmt
fmt: ## Format the source
	$(CARGO) fmt
	$(CARGO) fmt --manifest-path $(BENCH)

.PHONY: migrate
migrate: ground ## Bring the database up to date
	$(CARGO) run -- migrate

.PHONY: schema
schema: toolchain ## Write src/schema.rs from the migrations
	scripts/schema

.PHONY: audit
audit: toolchain ## Licences, bans and sources of the dependencies; advisories where the network allows
	@$(CARGO) deny --version >/dev/null 2>&1 || { \
	    echo "Installing cargo-deny into $(TOOLS) (once, some minutes) …"; \
	    $(CARGO) install cargo-deny --locked --root $(TOOLS); }
	$(CARGO) deny check -A duplicate licenses bans sources
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then \
	    echo "$(CARGO) deny check advisories"; \
	    $(CARGO) deny check --disable-fetch advisories; \
	else \
	    echo "NOT CHECKED: the advisory database could not be fetched; run 'make audit' again with a network."; \
	fi

# What a build needs on the machine.
.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { \
	    echo "Rust is missing: install it (https://rustup.rs), and try again." >&2; exit 1; }
	@command -v cc >/dev/null || { \
	    echo "A C compiler is missing: libpq is built from its bundled source, and Rust links with it." >&2; \
	    echo "Install one (Debian: 'apt-get install gcc libc6-dev'), and try again." >&2; exit 1; }

# What a server or a test needs besides.
.PHONY: ground
ground: toolchain
	@scripts/ensure-postgres

# What the tests of the pages need besides that.
.PHONY: browser
browser:
	@scripts/ensure-chromium
