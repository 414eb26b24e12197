#!/bin/sh
# The processor takes in a folder and a loopback RSS feed at once, DOCUMENTS
# documents in all, while heapdrift watches whether its live heap stays flat.
#
#   CORPUS=/usr/local/go DOCUMENTS=100000 FOR=450s pipeline/soak.sh
#
# The exit code is heapdrift's: 0 means clean. What it kept per document is
# bounded below CLEAN bytes: 1 % of a document of the Go tree's documentation,
# which has some 10 KB.
set -eu
cd "$(dirname "$0")/.."
corpus=${CORPUS:-$(go env GOROOT)}
documents=${DOCUMENTS:-100000}
page=${PAGE:-400}
for=${FOR:-450s}
clean=${CLEAN:-96}
work=$(mktemp -d)
pids=
stop() {
	for pid in $pids; do kill "$pid" 2>/dev/null || true; done
	for pid in $pids; do wait "$pid" 2>/dev/null || true; done
	if [ -n "${OUT:-}" ]; then cp "$work"/*.log "$OUT"/ 2>/dev/null || true; fi
	rm -rf "$work"
}
trap stop EXIT INT TERM

go build -o "$work/" ./cmd/processor ./pipeline/fake/newsroom
heapdrift=${HEAPDRIFT:-$work/heapdrift}
[ -x "$heapdrift" ] || go build -o "$heapdrift" ./cmd/heapdrift
"$work/newsroom" -corpus "$corpus" -total "$documents" -page "$page" >"$work/newsroom.log" &
pids="$pids $!"
until [ -s "$work/newsroom.log" ]; do sleep 0.1; done
newsroom=$(cat "$work/newsroom.log")

GODEBUG=memprofilerate=65536 "$work/processor" -addr "${ADDR:-127.0.0.1:18080}" -pprof "${PPROF:-127.0.0.1:18060}" \
	-data "$work/data" -corpus "$corpus" -feed "$newsroom/rss" 2>"$work/processor.log" &
pids="$pids $!"
until grep -q serving "$work/processor.log"; do sleep 0.1; done

code=0
"$heapdrift" run --pprof "http://${PPROF:-127.0.0.1:18060}" --metrics "http://${ADDR:-127.0.0.1:18080}/metrics" \
	--ops-metric processor_stored_documents_total --warmup "${WARMUP:-30s}" --for "$for" --every "${EVERY:-5s}" \
	--clean-below "$clean" -o "${OUT:-$work}/run" --output-file "json=${OUT:-$work}/report.json" || code=$?

curl -fsS "http://${ADDR:-127.0.0.1:18080}/metrics" |
	grep -E '^(processor_(stored|source_(documents|errors)|stage_errors)|go_memstats_(heap_alloc|heap_inuse)_bytes|process_resident)' || true
exit $code
