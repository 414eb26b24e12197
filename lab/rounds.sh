#!/usr/bin/env bash
# Compares every pair of the lab ROUNDS times in a row and counts the verdicts
# that were not as the truth has them. Exit status 1 if there was one.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-10}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/heapdrift" ./cmd/heapdrift
pairs=${PAIRS:-$("$dir/heapdrift" lab list --format json | sed -n 's/^ *"name": *"\([^"]*\)".*/\1/p')}
wrong=0 total=0
for round in $(seq 1 "$rounds"); do
	for pair in $pairs; do
		total=$((total + 1))
		code=0
		"$dir/heapdrift" lab compare "$pair" --quiet >"$dir/out" 2>&1 || code=$?
		printf 'round %2d  %-14s exit %d  %s\n' "$round" "$pair" "$code" "$(tail -n 1 "$dir/out")"
		if [ "$code" -ne 0 ]; then
			wrong=$((wrong + 1))
			sed 's/^/    /' "$dir/out"
		fi
	done
done
printf '%d comparisons, %d not as they should be\n' "$total" "$wrong"
[ "$wrong" -eq 0 ]
