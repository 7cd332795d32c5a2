#!/usr/bin/env bash
# From a fresh clone to rows on disk: builds sluice, runs its demo against the built-in sandbox, shows what it wrote.
# On Debian and Ubuntu it first installs the libraries sluice is built on, if they are missing.
#
#   bash examples/quickstart.sh [FOLDER]      default: ./sluice-demo
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/prerequisites.sh

require_swift
install_missing zlib1g-dev:zlib.h libpq-dev:libpq-fe.h

echo "==> release build (a few minutes the first time)"
swift build -c release --product sluice
sluice="$(swift build -c release --show-bin-path)/sluice"

folder="${1:-sluice-demo}"
echo "==> $sluice demo --into $folder"
"$sluice" demo --into "$folder"

first="$(find "$folder" -name '*.csv.gz' -type f | sort | sed -n 1p)"
echo
echo "==> the first rows of $first"
zcat "$first" | sed -n 1,5p
