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
if [ $# -gt 0 ]; then
    filters=()
    for filter in "$@"; do filters+=(--filter "$filter"); done
    echo "==> tests that match"
    swift test --skip-build --no-parallel "${filters[@]}"
    exit
fi
echo "==> tests of the rooms"
swift test --skip-build --skip EndToEndTests
# One at a time: they start processes of their own, and measure how those behave.
echo "==> end-to-end tests"
swift test --skip-build --no-parallel --filter EndToEndTests
