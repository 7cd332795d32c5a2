#!/usr/bin/env bash
# Builds the documentation of every library that has a .docc folder; a warning is an error.
#
#   bash Tests/documentation.sh [FOLDER]      archives go to FOLDER, by default a temporary one
#
# Uses what the toolchain has: the compiler's symbol graphs and `docc`. Needs a debug build: `swift build`.
set -euo pipefail
cd "$(dirname "$0")/.."
output="${1:-$(mktemp -d)}"
mkdir -p "$output"
symbols="$(mktemp -d)"
trap 'rm -rf "$symbols"' EXIT
products="$(swift build --show-bin-path)"
target="$(swiftc -print-target-info | sed -n 's/^ *"unversionedTriple": "\(.*\)",$/\1/p')"

# Modules written in C, which the libraries are built on, by their module maps.
clang=()
for map in "$products"/*.build/module.modulemap .build/checkouts/*/Sources/*/include/module.modulemap; do
    clang+=(-Xcc "-fmodule-map-file=$map")
done

for catalog in Sources/*/*.docc; do
    name="$(basename "$catalog" .docc)"
    echo "==> documentation of $name"
    mkdir "$symbols/$name"
    swift-symbolgraph-extract -module-name "$name" -target "$target" -I "$products/Modules" "${clang[@]}" \
        -minimum-access-level public -skip-synthesized-members -output-dir "$symbols/$name"
    docc convert "$catalog" --additional-symbol-graph-dir "$symbols/$name" --fallback-display-name "$name" \
        --fallback-bundle-identifier "sluice.$name" --output-path "$output/$name.doccarchive" --warnings-as-errors
done
