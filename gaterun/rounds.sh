#!/usr/bin/env bash
# Runs the gate on the fixed pipeline ROUNDS times, SIDE of them at a time, and
# counts how they end: an alarm (exit 1) is a false one, undecided (3) asks for
# a longer run. A baseline is recorded first, so that comparing with it takes
# part. Exit status 1 where a round raised an alarm or could not be measured.
# KEEP is a folder for the reports of the rounds that did not pass; without it
# nothing is kept. docs/GATE.md has the figures.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-100}
side=${SIDE:-2}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
keep=${KEEP:-$scratch/keep}
mkdir -p "$keep" "$scratch/tmp"
go build -o "$scratch/heapdrift" ./cmd/heapdrift
cp gaterun/rounds.yaml "$scratch/heapdrift.yaml"
export TMPDIR="$scratch/tmp"
export scratch keep
begin=$(date +%s)
"$scratch/heapdrift" baseline update -q -c "$scratch/heapdrift.yaml" --reason "first measurement"

round() {
	code=0
	"$scratch/heapdrift" gate -q -c "$scratch/heapdrift.yaml" --format json >"$scratch/round-$1.json" 2>"$scratch/round-$1.log" || code=$?
	echo "$code" >"$scratch/round-$1.code"
	if [ "$code" -ne 0 ]; then
		cp "$scratch/round-$1.json" "$scratch/round-$1.log" "$keep/"
		echo "round $1: exit $code" >&2
	fi
}
export -f round
seq 1 "$rounds" | xargs -P "$side" -I{} bash -c 'round {}'

count() { grep -lx "$1" "$scratch"/round-*.code | wc -l; }
passed=$(count 0) alarms=$(count 1) undecided=$(count 3)
other=$((rounds - passed - alarms - undecided))
repeated=$(grep -l '"attempts": [2-9]' "$scratch"/round-*.json | wc -l) || true
echo "$rounds rounds, $side at a time, in $(($(date +%s) - begin)) s: $passed passed, $alarms alarms, $undecided undecided, $other not measured; $repeated needed a second run"
[ "$alarms" -eq 0 ] && [ "$other" -eq 0 ]
