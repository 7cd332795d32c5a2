#!/usr/bin/env bash
# Runs every test. On Debian and Ubuntu it first installs the libraries sluice is built on, if they are missing.
#
#   bash Tests/run.sh              all tests
#   bash Tests/run.sh FILTER ...   only tests whose name matches; see `swift test --filter`
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/prerequisites.sh

require_swift
install_missing zlib1g-dev:zlib.h libpq-dev:libpq-fe.h
require_postgres_server
require_pgbouncer

echo "==> debug build with tests"
swift build --build-tests
echo "==> release build of the command, for the end-to-end tests"
swift build -c release --product sluice

export SLUICE_BINARY="$(swift build -c release --show-bin-path)/sluice"

# run_tests OPTION ...: runs the tests chosen; what failed among the thousands of lines is said again at the end.
run_tests() {
    local log status=0
    log=$(mktemp)
    swift test --skip-build "$@" 2>&1 | tee "$log" || status=$?
    if [ $status -ne 0 ]; then
        echo "==> what failed"
        {
            grep -a -A 20 '^✘.* recorded an issue' "$log" | grep -a -v -e '^[◇✔-]' -e ' failed after ' | cut -c 1-1000 | head -n 120
            grep -a -E '^✘ (Test|Suite) .* failed after|^error:|Fatal error:' "$log" | cut -c 1-300
        } || true
    fi
    rm -f "$log"
    return $status
}

if [ $# -gt 0 ]; then
    filters=()
    for filter in "$@"; do filters+=(--filter "$filter"); done
    echo "==> tests that match"
    run_tests --no-parallel "${filters[@]}"
    exit
fi
echo "==> tests of the rooms"
run_tests --skip EndToEndTests
# One at a time: they start processes of their own, and measure how those behave.
echo "==> end-to-end tests"
run_tests --no-parallel --filter EndToEndTests
