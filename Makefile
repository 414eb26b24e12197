# The two commands of the README need only Go; the rest is here.

.PHONY: build test race lint tidy fuzz bench calibrate lab

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

# The false-alarm rates of the detector, at length; SEED picks the runs.
SEED ?= 1
calibrate:
	HEAPDRIFT_CALIBRATE=$(SEED) go test -count=1 -run Calibrat -v -timeout 60m ./analyzer/detect/ ./analyzer/stats/

# Every pair of the lab, ROUNDS times in a row.
ROUNDS ?= 10
lab:
	ROUNDS=$(ROUNDS) ./lab/rounds.sh
