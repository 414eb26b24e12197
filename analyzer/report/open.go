package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// clean is what a clean verdict promises: the upper bounds of what is kept,
// rounded up, and the limits that they were held against.
func clean(run *snapshot.Run, res *detect.Result) string {
	var keeps, other []string
	bound := func(name, label string, show func(float64) string, unit string, least float64) {
		t := res.Total(name)
		if t == nil {
			return
		}
		i := growth(t, res)
		if t.Verdict == detect.Plateau || i == nil || !allFinite(i.Hi) {
			other = append(other, label+" grew, then flat")
			return
		}
		keeps = append(keeps, show(max(i.Hi, least))+unit+"/"+axis(res))
	}
	bound("live_bytes", "live heap", atMostBytes, "", 0.1)
	bound("goroutines", "goroutines", atMost, " goroutines", 0.0001)
	var parts []string
	if len(keeps) > 0 {
		parts = append(parts, "keeps less than "+strings.Join(keeps, " and "))
	}
	parts = append(parts, other...)
	return fmt.Sprintf("%s: %s (limit %s, %s)", span0(run, res), strings.Join(parts, "; "),
		Bytes(res.Clean.Bytes), short(res.Clean.Goroutines))
}

// span0 is span without the time where operations are known: the brief form.
func span0(run *snapshot.Run, res *detect.Result) string {
	if !res.HasOps {
		return span(run, res)
	}
	s := Count(float64(res.Ops)) + " ops"
	if n := run.Load.Errors; n > 0 {
		s += " (" + Count(float64(n)) + " errors)"
	}
	return s
}

// short prints a setting as it was given: "0.01", not "0.010".
func short(v float64) string { return fmt.Sprintf("%.4g", v) }

// open says in sentences why a run could not be decided, and what would decide
// it.
func open(run *snapshot.Run, res *detect.Result) (why, next []string) {
	if res.Snapshots == 0 {
		return []string{"no snapshot was read: there is nothing to judge"},
			[]string{"capture at least twenty with `heapdrift run` or `heapdrift record`"}
	}
	advise := func(s string) {
		if !slices.Contains(next, s) {
			next = append(next, s)
		}
	}
	per := axis(res)
	var hasCounters, hasGoroutines bool
	for _, s := range run.Snapshots {
		_, ok := s.Counters.LiveBytes()
		hasCounters = hasCounters || ok
		hasGoroutines = hasGoroutines || s.Goroutines != nil
	}
	check := func(name, label string, q quantity, limit float64, limitText string, recorded bool, missing string) {
		t := res.Total(name)
		g := growth(t, res)
		switch {
		case g == nil && !recorded:
			why = append(why, label+": not recorded, so growth is not known")
			advise(missing)
		case g == nil:
			why = append(why, fmt.Sprintf("%s: growth not known from the %s that count", label, plural(res.Judged, "snapshot")))
			advise("take at least twenty snapshots after the warm-up: run longer (--for), or look more often (--every)")
		case t.Verdict == detect.Unknown:
			why = append(why, fmt.Sprintf("%s: %s, not bounded below the clean limit (%s/%s)",
				label, rate(g, q, per, true), limitText, per))
			advise(longer(g, limit, res))
		case asksAttention(t.Verdict):
			why = append(why, fmt.Sprintf("%s: %s, %s", label, rate(g, q, per, true), word(t.Verdict)))
			if len(t.Why) > 0 {
				why = append(why, "  why  "+strings.Join(t.Why, "; "))
			}
			advise(remedy(t.Verdict))
		}
	}
	check("live_bytes", "live heap", quantityBytes, res.Clean.Bytes, Bytes(res.Clean.Bytes), hasCounters,
		"record the exact counters too (`heapdrift run` and `record` do), in at least twenty snapshots: bare heap profiles cannot prove that nothing is kept")
	check("goroutines", "goroutines", quantityGoroutines, res.Clean.Goroutines, short(res.Clean.Goroutines)+" goroutines", hasGoroutines,
		"record goroutine profiles too (`heapdrift run` and `record` do)")
	for i := range res.Findings {
		switch f := &res.Findings[i]; {
		case f.Function == detect.OutsideGoHeap:
			advise("find out who maps memory: count C.malloc against C.free, or trace the process (`strace -f -k -e trace=mmap,munmap,brk`)")
		case asksAttention(f.Verdict):
			advise(remedy(f.Verdict))
		}
	}
	if len(next) == 0 {
		advise("run longer (--for), with more operations")
	}
	return why, next
}

// remedy is what to do about a verdict that leaves a run open.
func remedy(v detect.Verdict) string {
	switch v {
	case detect.Backlog:
		return "it went away in the drain: bound the queue, or lower the rate (--rate) to what the service keeps up with"
	case detect.Suspect:
		return "lower the sampling rate (--memprofilerate 4096) and run longer (--for), with a drain that outlasts the program's time-outs (--drain)"
	}
	return "run longer (--for), or repeat the content (--passes 2): a filling cache stops, a leak goes on"
}

// longer says how many more operations (or how much more time) would bound the
// growth below limit. With evenly spaced snapshots the half-width of a slope
// falls as 1/length at the same number of them.
func longer(g *stats.Interval, limit float64, res *detect.Result) string {
	const most = 100 // beyond it the advice is another one
	room := limit - max(g.Estimate, 0)
	ratio := (g.Hi - g.Estimate) / room
	switch {
	case room <= 0 || !allFinite(ratio) || ratio > most || ratio <= 0:
		return "run longer (--for), and hold the load still at each snapshot (--quiesce)"
	case ratio < 1.1:
		ratio = 1.1
	}
	if res.HasOps && res.Ops > 0 {
		return fmt.Sprintf("run longer: about %s more ops would bound it", atMost(math.Ceil((ratio-1)*float64(res.Ops))))
	}
	if res.Seconds > 0 {
		return "run longer: about " + Duration((ratio-1)*res.Seconds) + " more would bound it"
	}
	return "run longer (--for)"
}
