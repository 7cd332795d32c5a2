#!/usr/bin/env bash
# Runs the official Python client against `sluice sandbox`, resource by resource, in an environment that is thrown away.
# Skips, and says so, where there is no Python 3.11 or the client cannot be installed from PyPI.
#
#   bash Tests/PythonClient/run.sh [SLUICE]      default: $SLUICE_BINARY, or a debug build
set -euo pipefail
cd "$(dirname "$0")/../.."
client="supermetrics==0.5.1"

skip() {
    echo "SKIPPED: the official Python client was not run: $*"
    exit 0
}

sandbox=""
folder="$(mktemp -d)"
clean_up() {
    if [ -n "$sandbox" ]; then kill "$sandbox" 2>/dev/null || true; fi
    rm -rf "$folder"
}
trap clean_up EXIT

python="$(command -v python3 || true)"
[ -n "$python" ] || skip "there is no python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || skip "python3 is older than 3.11"
"$python" -m venv "$folder/venv" >"$folder/log" 2>&1 || skip "python3 has no venv: $(tail -n 1 "$folder/log")"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 "$client" \
    >"$folder/log" 2>&1 || skip "$client cannot be installed: $(tail -n 1 "$folder/log")"

sluice="${1:-${SLUICE_BINARY:-}}"
if [ -z "$sluice" ]; then
    echo "==> debug build of the command"
    swift build --product sluice
    sluice="$(swift build --show-bin-path)/sluice"
fi

# What the client sends for a list is the same key again and again, and it polls in the older dialect.
"$sluice" sandbox --output json --dialect pending --collect-repeated-parameters --query-time 300ms \
    --backfill-queue-time 200ms --backfill-day-time 100ms --backfill-day fail@2024-01-02 \
    >"$folder/facts" 2>"$folder/sandbox.log" &
sandbox=$!
for _ in $(seq 100); do
    [ -s "$folder/facts" ] && break
    kill -0 "$sandbox" 2>/dev/null || { cat "$folder/sandbox.log" >&2; exit 1; }
    sleep 0.1
done
SANDBOX="$(head -n 1 "$folder/facts")" "$folder/venv/bin/python" -W error::UserWarning \
    Tests/PythonClient/test_resources.py
