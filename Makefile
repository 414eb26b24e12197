# The two commands of the README need only Go; the rest is here.

.PHONY: build test race lint tidy fuzz bench bench-load calibrate lab

build:
	go build ./...

test:
	go test ./...

race:
	go test -race ./...

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt wants the files above"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff

# Every fuzz target for FUZZTIME each.
FUZZTIME ?= 30s
fuzz:
	@set -e; for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

bench:
	go test -run '^$$' -bench . -benchmem ./...

# What the load harness costs and how true its figures are, beside vegeta
# (docs/LOAD.md): about four minutes. TABLES picks some of http noop precise
# count stall heap.
TABLES ?=
bench-load:
	cd harness/bench && go run . $(TABLES)

# The detector's false-alarm rates, recall and levels at length: RUNS simulated
# runs per setting, SEED picks them. The tables are those of docs/METHOD.md.
SEED ?= 1
RUNS ?= 1500
calibrate:
	HEAPDRIFT_SEED=$(SEED) HEAPDRIFT_CALIBRATE=$(RUNS) go test -count=1 -run 'Calibration|AsStated|CleanLimit' -v -timeout 60m ./analyzer/detect/

# What false alarms and recall owe to the numbers of thresholds.go that were set
# by simulation, each at 0.8 to 1.2 of what it is (docs/METHOD.md has the table).
NUMBERS ?= perParameter secondHalfOf bentGoesOnAt looksGoOnAt looksGoOnSure
.PHONY: tuning
tuning:
	@go run ./internal/tuning -runs $(RUNS) -seed $(SEED) $(NUMBERS)

# Seventeen programs that grow, recorded and then run to their limit without
# snapshots, beside what was foretold (docs/METHOD.md has the table): twelve
# minutes. RECORDED keeps the recordings; what it holds is judged anew.
RECORDED ?= $(shell mktemp -d)
.PHONY: forecast
forecast:
	HEAPDRIFT_FORECAST=$(abspath $(RECORDED)) go test -count=1 -run '^TestForecast$$' -v -timeout 60m ./session/

# What TOOL, a heapdrift, says of all recordings below CORPUS, a line each, to
# compare two versions by diff. PREFIX judges their first PREFIX snapshots.
TOOL ?= ./heapdrift
.PHONY: verdicts
verdicts:
	@go run ./internal/verdicts -tool $(TOOL) $(if $(PREFIX),-prefix $(PREFIX)) $(CORPUS)

# Exit code, seconds and memory of TOOL at broken targets and loads: MODES of a server
# AT an address that has them (internal/hostile). None but the healthy may be clean.
AT ?= http://127.0.0.1:7001
.PHONY: hostile
hostile:
	@go run ./internal/hostile -tool $(TOOL) -at $(AT) $(MODES)

# Every scenario of the lab, ROUNDS times in a row: some five minutes each
# (docs/LAB.md has the figures).
ROUNDS ?= 5
lab:
	ROUNDS=$(ROUNDS) ./lab/rounds.sh

# The pipeline as a service: 100,000 documents from a folder and a feed at
# once, judged by heapdrift itself (docs/PIPELINE.md has the figures).
.PHONY: soak
soak:
	./pipeline/soak.sh

# leaktest on healthy and leaking functions, LEAKTEST_ROUNDS times each: plain,
# on one and two processors, and with the race detector (docs/LEAKTEST.md has the
# figures). About half an hour for 200.
.PHONY: leaktest-rounds
LEAKTEST_ROUNDS ?= 200
leaktest-rounds:
	HEAPDRIFT_LEAKTEST_ROUNDS=$(LEAKTEST_ROUNDS) go test -count=1 -run '^TestRounds$$' -v -cpu 1,2 -timeout 4h ./harness/leaktest/
	HEAPDRIFT_LEAKTEST_ROUNDS=$(LEAKTEST_ROUNDS) go test -count=1 -run '^TestRounds$$' -v -race -timeout 4h ./harness/leaktest/

# The gate on the fixed pipeline, GATE_ROUNDS times: none may raise an alarm
# (docs/GATE.md). About half an hour.
.PHONY: gate-rounds
GATE_ROUNDS ?= 100
gate-rounds:
	ROUNDS=$(GATE_ROUNDS) ./gaterun/rounds.sh
