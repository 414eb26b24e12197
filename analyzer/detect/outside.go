package detect

import (
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
)

// anonymous is the counter of the resident memory that no file backs, bytes
// (RssAnon of /proc/PID/status), where the capture knows it.
const anonymous = "RssAnon"

// outside looks for memory that climbs where the runtime did not take it: cgo,
// mapped memory. Of the resident memory that no file backs, what the runtime has
// taken from the system and not returned, Sys − HeapReleased (its heap in use and
// idle, stacks, tables), is taken off snapshot by snapshot: what the scavenger
// returns and the heap takes again leaves no trace in the rest, and the rest goes
// through the tests of any exact total.
//
// A page that the runtime has taken and nobody has touched is not resident, so the
// rest may rise without anything outside: a ring buffer that is filled, tables
// that come into use. That ends where all is touched, at a rest of 0; and what the
// runtime calls returned may stay resident for a while (madvdontneed=0). So growth
// counts only if the rest ends above 0 and the resident memory itself rose.
//
// Where only the resident set is known, which pages of mapped files enlarge as they
// are read, it is a warning and never a finding.
func (j *judgement) outside() (Finding, bool) {
	all := j.quantity(anonymous, anonymous)
	if all == nil {
		j.residentAlone()
		return Finding{}, false
	}
	rest := j.quantity(OutsideGoHeap, anonymous, "HeapReleased", "-Sys")
	if rest == nil || !rest.climbs() || all.Grew < residentAtLeast*rest.Grew {
		return Finding{}, false
	}
	parts, explained := j.explained(all)
	why := Values{Grew: all.Grew, Bytes: rest.Grew, Parts: parts, Share: math.Min(1, explained/all.Grew)}
	held := last(rest.series.Y)
	if !(held > 0) {
		j.res.Warn(Warning{Code: OutsideUntouched, Values: why})
		return Finding{}, false
	}
	f := Finding{Kind: KindHeap, Verdict: Suspect, Function: OutsideGoHeap, ID: identify(KindHeap, OutsideGoHeap), Trend: rest.trend(), Tests: rest.asked(), LiveBytes: Bytes(held)}
	f.Bytes = &Rate{rest.Growth, j.per()}
	f.because(GrowsOutside, why)
	f.because(OutsideAtEnd, Values{Bytes: held})
	f.because(LookOutside, Values{})
	return f, true
}

// climbs reports memory that passes every test of a total, by more than the
// runtime's own caches move.
func (t *total) climbs() bool {
	return t.passes() && t.Material.Passed && t.Grew >= floorOutside && !t.Kept.Failed()
}

// residentAlone warns of a resident set that climbs while the live heap and what
// else is the runtime's do not, where it is not known what it consists of.
func (j *judgement) residentAlone() {
	t, heap := j.measured(series.RSSBytes), j.measured(series.LiveBytes)
	if t == nil || heap == nil || heap.Verdict == Leak || !t.climbs() || heap.Grew > mostExplained*t.Grew {
		return
	}
	parts, explained := j.explained(t)
	if explained > mostExplained*t.Grew {
		return // the runtime's own memory: it is used again, or has a total of its own
	}
	j.res.Warn(Warning{Code: ResidentClimbs, Values: Values{Grew: t.Grew, Bytes: math.Max(0, heap.Grew), Parts: parts, Share: math.Min(1, explained/t.Grew)}})
}

// quantity measures a sum of exact counters, those with a minus before their name
// taken off; nil where too few snapshots tell it. A difference is known where all
// of its counters are, a sum where any is: releases of Go differ in what they count.
func (j *judgement) quantity(name string, counters ...string) *total {
	difference := slices.ContainsFunc(counters, func(c string) bool { return c[0] == '-' })
	y := make([]float64, len(j.run.Snapshots))
	known := 0
	for i, s := range j.run.Snapshots {
		have := 0
		for _, c := range counters {
			c, minus := strings.CutPrefix(c, "-")
			v, ok := s.Counters.Get(c)
			switch {
			case !ok:
				continue
			case minus:
				y[i] -= float64(v)
			default:
				y[i] += float64(v)
			}
			have++
		}
		if have == 0 || difference && have < len(counters) {
			y[i] = math.NaN()
			continue
		}
		known++
	}
	if known < minTail {
		return nil
	}
	if t := j.measureTotal(&series.Total{Name: name, Y: y}); t.Measured() {
		return t
	}
	return nil
}

// explained is what each of the runtime's own kinds of memory grew by over the
// judged snapshots, and all of them.
func (j *judgement) explained(of *total) (parts []Part, total float64) {
	for _, t := range []struct {
		name     string
		counters []string
	}{
		{"stacks", []string{"StackInuse"}},
		{"idle heap not yet returned", []string{"HeapIdle", "-HeapReleased"}},
		{"fragments of the heap", []string{"HeapInuse", "-HeapAlloc"}},
		{"the live heap", []string{"HeapAlloc"}},
		{"the runtime's tables", []string{"MSpanSys", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys"}},
	} {
		if m := j.quantity(t.name, t.counters...); m != nil && m.Grew > worthNaming*of.Grew {
			total += m.Grew
			parts = append(parts, Part{Name: t.name, Bytes: m.Grew})
		}
	}
	return parts, total
}
