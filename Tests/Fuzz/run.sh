#!/bin/sh
# Usage: Tests/Fuzz/run.sh SECONDS
# Compares the row reader with a plain one on inputs that libFuzzer invents; stops at the first difference.
set -eu
seconds=${1:?usage: run.sh SECONDS}
cd "$(dirname "$0")"
swift build -c release --product FuzzRowReader
mkdir -p .build/found
ASAN_OPTIONS=detect_leaks=0 .build/release/FuzzRowReader -max_total_time="$seconds" -max_len=2048 -timeout=20 \
    -dict=json.dict -artifact_prefix=.build/found/ .build/found Corpus
