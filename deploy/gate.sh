#!/bin/sh
# Runs heapdrift's gate in any CI: POSIX sh and a heapdrift, or else a Go to
# install one with, are all it needs. It ends as the gate ends: 0 passed, 1 leak
# or budget broken, 2 usage, 3 undecided, 4 not measured. Arguments are the
# gate's own, as --scenario ingest.
#
#   HEAPDRIFT          the program; default: heapdrift, installed where it is missing
#   HEAPDRIFT_VERSION  the version to install; default: latest
#   HEAPDRIFT_REPORTS  the folder for reports and recordings; default: heapdrift-reports
set -eu

heapdrift=${HEAPDRIFT:-heapdrift}
reports=${HEAPDRIFT_REPORTS:-heapdrift-reports}

if ! command -v "$heapdrift" >/dev/null 2>&1; then
	if [ -n "${HEAPDRIFT:-}" ]; then
		echo "gate.sh: there is no $HEAPDRIFT: see HEAPDRIFT" >&2
		exit 4
	fi
	bin=$(mktemp -d)
	trap 'rm -rf "$bin"' EXIT
	if ! GOBIN=$bin GOFLAGS='' go install "github.com/heapdrift/heapdrift/cmd/heapdrift@${HEAPDRIFT_VERSION:-latest}"; then
		echo "gate.sh: heapdrift could not be installed: see the lines above, and HEAPDRIFT_VERSION" >&2
		exit 4
	fi
	heapdrift=$bin/heapdrift
fi

# A report that is there afterwards is of this run.
rm -f -- "$reports/junit.xml" "$reports/heapdrift.sarif" "$reports/heapdrift.md" "$reports/heapdrift.json"

code=0
"$heapdrift" gate \
	--output-file "junit=$reports/junit.xml" \
	--output-file "sarif=$reports/heapdrift.sarif" \
	--output-file "markdown=$reports/heapdrift.md" \
	--output-file "json=$reports/heapdrift.json" \
	--out "$reports/recordings-$(date +%Y%m%dT%H%M%S)-$$" \
	"$@" || code=$?

case $code in
0) echo "gate.sh: passed; reports in $reports" ;;
1) echo "gate.sh: a leak, or a budget is broken; reports in $reports" >&2 ;;
2) echo "gate.sh: a mistake in the configuration or in an argument: see the lines above" >&2 ;;
3) echo "gate.sh: undecided: run longer, or hold the load still (quiesce); reports in $reports" >&2 ;;
4) echo "gate.sh: something could not be measured; reports in $reports" >&2 ;;
*) echo "gate.sh: heapdrift ended with $code" >&2 ;;
esac
exit "$code"
