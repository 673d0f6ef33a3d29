# What there is to run
default:
    @just --list

# See it work: a server, two workers and a page
demo:
    cargo run --release -- demo

# Everything that CI runs
test:
    tests/run

# Formatting and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The scheduler's simulation, over many seeds
simulate runs="2000":
    ACEQUIA_SIM_RUNS={{runs}} cargo test --release -p acequia-scheduler simulation

# Kills, stops, fills and cuts at random for minutes, and proves that no accepted job is lost: tests/ledger
ledger *args="--rounds 30":
    ACEQUIA_LEDGER="{{args}}" tests/run ledger

# The same of two servers that stand in for one another, and of the PostgreSQL that has their journal
ledger-cluster *args="--rounds 100":
    ACEQUIA_LEDGER="{{args}}" tests/run ledger-cluster

# The same of three servers that are doors, one of them the owner, and of the ways between them
ledger-doors *args="--rounds 100":
    ACEQUIA_LEDGER="{{args}}" tests/run ledger-doors

# The server against the Autobahn test suite: docs/conformance.md
autobahn:
    tests/run autobahn

# What a job costs the worker of each SDK, and the ratios: tests/sdk/rates.py
rates *args:
    ACEQUIA_RATES="{{args}}" tests/run rates

# Thousands of sessions that come, are cut off and come back at once
storm sessions="10000":
    ACEQUIA_STORM={{sessions}} tests/run storm

# What thousands of idle sessions cost, and how soon all hear that the server stops
idle sessions="10000":
    ACEQUIA_IDLE={{sessions}} tests/run idle

# Each fuzz target for a minute; needs a nightly toolchain and cargo-fuzz
fuzz seconds="60":
    cd fuzz && for target in $(cargo +nightly fuzz list); do \
        mkdir -p target/corpus/$target && \
        cargo +nightly fuzz run $target target/corpus/$target corpus/$target -- -max_total_time={{seconds}} \
        || exit 1; done

# One file that needs nothing else of the machine that it runs on: docs/install.md
static:
    RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --release --bin acequia \
        --target "$(rustc --print host-tuple)"

# The ratios of the README
bench:
    cargo run --release -- bench --suite

# What the journal costs, on this folder's disk
bench-durable:
    cargo run --release -- bench --durable

# A million waiting jobs, a thousand workers, ten thousand clients
bench-scale:
    cargo run --release -- bench --scale

# One client's jobs beside others that do their worst
bench-hostile:
    cargo run --release -- bench --hostile

# The documents that the command writes itself
documents:
    cargo run --quiet -- config --example > docs/acequia.toml.new
    mv docs/acequia.toml.new docs/acequia.toml
    ACEQUIA_WRITE_DOCUMENTS=1 cargo test --quiet -p acequia-conform --test documents
