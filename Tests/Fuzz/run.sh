#!/bin/sh
# Usage: Tests/Fuzz/run.sh SECONDS [rows|expressions]
# Compares the row reader with a plain one, or parses and computes expressions, on inputs that libFuzzer invents; stops
# at the first difference or crash.
set -eu
seconds=${1:?usage: run.sh SECONDS [rows|expressions]}
cd "$(dirname "$0")"
case ${2:-rows} in
rows) product=FuzzRowReader dictionary=json.dict corpus=Corpus ;;
expressions) product=FuzzExpression dictionary=expression.dict corpus=ExpressionCorpus ;;
*) echo "error: unknown target '$2'; use rows or expressions" >&2 && exit 2 ;;
esac
swift build -c release --product "$product"
mkdir -p ".build/found-$product"
ASAN_OPTIONS=detect_leaks=0 ".build/release/$product" -max_total_time="$seconds" -max_len=2048 -timeout=20 \
    -dict="$dictionary" -artifact_prefix=".build/found-$product/" ".build/found-$product" "$corpus"
