#!/usr/bin/env bash
# Measures sluice: each figure beside what it is compared with, taken in turns. Installs pigz if it is missing, and says so.
#
#   bash Tests/Benchmarks/run.sh [--gate] [NAME ...]
#
# Names: codecs stages gzip ndjson memory windows postgres backfills; default: all.
#
# --gate fails where a ratio of one run is far beyond its goal. Absolute figures never fail: they are the machine's.
# BENCHMARK_ROUNDS (5) says how often each thing is measured, BENCHMARK_FOLDER where outputs are written.
set -euo pipefail
cd "$(dirname "$0")/../.."
source examples/prerequisites.sh

require_swift
install_missing zlib1g-dev:zlib.h libpq-dev:libpq-fe.h
require_postgres_server
if ! command -v pigz >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "error: please install pigz first" >&2
        exit 2
    fi
    echo "==> installing with apt-get: pigz"
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends pigz
fi

gate=()
names=()
for argument in "$@"; do
    if [ "$argument" = --gate ]; then gate=(--gate); else names+=("$argument"); fi
done
[ ${#names[@]} -gt 0 ] || names=(codecs stages gzip ndjson memory windows postgres backfills)

echo "==> release build"
swift build -c release --product sluice
swift build -c release --product Benchmarks
products="$(swift build -c release --show-bin-path)"
export SLUICE_BINARY="$products/sluice"
# What the build wrote is on its way to the device, and would be for a while.
sync

"$products/Benchmarks" machine
status=0
for name in "${names[@]}"; do "$products/Benchmarks" "$name" "${gate[@]}" || status=1; done
echo
"$products/Benchmarks" machine
exit "$status"
