#!/usr/bin/env bash
# Compares every scenario of the lab ROUNDS times in a row, counts the verdicts
# that were not as the truth has them, and writes the table of docs/LAB.md to
# standard output; progress goes to standard error. Exit status 1 if a verdict
# was wrong. AT_ONCE is how many scenarios run side by side. KEEP is a folder for
# the reports and, of rounds with a wrong verdict, the recordings; without it
# nothing is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-5}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
keep=${KEEP:-$scratch/keep}
mkdir -p "$keep"
go build -o "$scratch/heapdrift" ./cmd/heapdrift
go build -o "$scratch/table" ./lab/rounds
wrong=0
for round in $(seq 1 "$rounds"); do
	begin=$(date +%s)
	code=0
	"$scratch/heapdrift" lab compare --all ${AT_ONCE:+--at-once "$AT_ONCE"} --format json -o "$scratch/recorded" >"$keep/round-$round.json" 2>"$keep/round-$round.log" || code=$?
	seconds=$(($(date +%s) - begin))
	echo "$seconds" >"$keep/round-$round.seconds"
	printf 'round %d of %d: %d s, exit %d\n' "$round" "$rounds" "$seconds" "$code" >&2
	if [ "$code" -ne 0 ]; then
		wrong=$((wrong + 1))
		grep -v '^lab \|^✓' "$keep/round-$round.log" >&2 || true
		mv "$scratch/recorded" "$keep/round-$round.recorded"
	fi
	rm -rf "$scratch/recorded"
done
"$scratch/table" "$keep"
[ "$wrong" -eq 0 ]
