package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// What text and Markdown both say of a run.

// span says how much was observed: "24,000 ops in 1m00s (12 errors)"; with the
// time only where asked (timed) or where nothing else tells the length.
func span(run *snapshot.Run, res *detect.Result, timed bool) string {
	s := Plural(float64(res.Snapshots), "snapshot")
	if res.HasOps() {
		s = Count(float64(res.Ops)) + " ops"
	}
	if res.Seconds > 0 && (timed || !res.HasOps()) {
		s += " in " + Duration(res.Seconds)
	}
	if n := run.Load.Errors; n > 0 {
		s += " (" + Count(float64(n)) + " errors)"
	}
	return s
}

// clean is what a clean verdict promises: the upper bounds that decided it, rounded
// up, per operation and, of bytes, per day at the observed rate.
func clean(run *snapshot.Run, res *detect.Result) string {
	var parts []string
	grew := ""
	bound := func(name, before string, show func(float64) string, unit string, least float64) {
		t := res.Total(name)
		if t == nil || t.Bound == nil {
			return
		}
		v := max(t.Bound.In(res.Per), least)
		part := show(v) + unit + "/" + string(res.Per)
		day := 24 * 3600 * v
		if res.HasOps() {
			day *= t.OpsPerSecond
		}
		if name == "live_bytes" && day > 0 {
			part += " (" + atMostBytes(day) + "/day)"
		}
		parts = append(parts, part)
		if t.Verdict == detect.Plateau {
			grew = "; " + before + " grew before, then levelled off"
		}
	}
	bound("live_bytes", "live heap", atMostBytes, "", 0.1)
	bound("goroutines", "goroutines", atMost, " goroutines", 0.0001)
	return fmt.Sprintf("%s: keeps less than %s%s", span(run, res, false), strings.Join(parts, " and "), grew)
}

// assurance is what a clean verdict was held against, and what it would not have
// missed.
func assurance(res *detect.Result) string {
	s := fmt.Sprintf("limit %s/%s and %s goroutines/%s", Bytes(res.Clean.Bytes), res.Per, short(res.Clean.Goroutines), res.Per)
	if seen := Seen(res); seen != "" {
		s += "; a leak of " + seen + " would have been seen"
	}
	return s
}

// short prints a setting as it was given: "0.01", not "0.010".
func short(v float64) string { return fmt.Sprintf("%.4g", v) }

// said is a sentence, and where there is a shorter one that one too.
type said struct{ brief, full string }

// short is the shorter one.
func (s said) short() string { return cmp.Or(s.brief, s.full) }

// undecided says in sentences why a run could not be decided, and what would
// decide it.
func undecided(run *snapshot.Run, res *detect.Result, r Reader) (why []said, next []string) {
	if res.Snapshots == 0 {
		return []said{{full: "no snapshot was read: there is nothing to judge"}},
			[]string{"capture at least twenty with `heapdrift run` or `heapdrift record`"}
	}
	advise := func(s string) {
		if s = r.fill(s, nil); !slices.Contains(next, s) {
			next = append(next, s)
		}
	}
	var hasCounters, hasGoroutines bool
	for _, s := range run.Snapshots {
		_, ok := s.Counters.LiveBytes()
		hasCounters = hasCounters || ok
		hasGoroutines = hasGoroutines || s.Goroutines != nil
	}
	check := func(name, label, what string, limit float64, limitText string, recorded bool, missing string) {
		t := res.Total(name)
		g := t.In(res.Per)
		switch {
		case g == nil && !recorded:
			why = append(why, said{full: label + ": not recorded, so growth is not known"})
			advise(missing)
		case g == nil:
			why = append(why, said{full: fmt.Sprintf("%s: growth not known from the %s that count", label, Plural(float64(res.Window.Snapshots), "snapshot"))})
			advise("take at least twenty snapshots after the warm-up: run longer{ (--for)}, or look more often{ (--every)}")
		case t.Verdict == detect.Unknown:
			why = append(why, said{full: fmt.Sprintf("%s: %s, not bounded below the clean limit (%s/%s)", label, Growth(g, what+"/"+string(res.Per)), limitText, res.Per)})
			advise(longer(g, limit, res))
		case t.Verdict.AsksAttention():
			head := fmt.Sprintf("%s: %s, %s", label, Growth(g, what+"/"+string(res.Per)), Word(t.Verdict))
			one := said{brief: head, full: head}
			if all := Why(t.Reasons, r); len(all) > 0 {
				one.brief += ": " + foremost(t.Reasons, telling{reader: r})
				one.full += ": " + Sentence(all)
			}
			why = append(why, one)
			advise(remedy(t.Verdict))
		}
	}
	if slices.ContainsFunc(res.Warnings, func(w detect.Warning) bool { return w.Code == detect.NotMeasured }) {
		advise("ask the target itself, past any cache or proxy, through net/http/pprof's own handlers")
	}
	check("live_bytes", "live heap", "B", res.Clean.Bytes, Bytes(res.Clean.Bytes), hasCounters,
		"record the exact counters too (`heapdrift run` and `record` do), in at least twenty snapshots: bare heap profiles cannot prove that nothing is kept")
	if res.Total("live_objects").In(res.Per) != nil {
		check("live_objects", "live objects", "objects", res.Clean.Objects, short(res.Clean.Objects)+" objects", true, "")
	}
	check("goroutines", "goroutines", "goroutines", res.Clean.Goroutines, short(res.Clean.Goroutines)+" goroutines", hasGoroutines,
		"record goroutine profiles too (`heapdrift run` and `record` do)")
	for i := range res.Findings {
		switch f := &res.Findings[i]; {
		case f.Function == detect.OutsideGoHeap:
			advise("find out who maps memory: count C.malloc against C.free, or trace the process (`strace -f -k -e trace=mmap,munmap,brk`)")
		case f.Verdict.AsksAttention():
			advise(remedy(f.Verdict))
		}
	}
	if len(next) == 0 {
		advise("run longer{ (--for)}, with more operations")
	}
	return why, next
}

// remedy is what to do about a verdict that leaves a run open. Braces are as in
// sentences.
func remedy(v detect.Verdict) string {
	switch v {
	case detect.Backlog:
		return "it went away in the drain: bound the queue, or lower the rate{ (--rate)} to what the service keeps up with"
	case detect.Suspect:
		return "lower the sampling rate{ (--memprofilerate 4096)} and run longer{ (--for)}, with a drain that outlasts the program's time-outs{ (--drain)}"
	}
	return "run longer{ (--for)}: a cache that fills stops at its bound, a leak goes on"
}

// longer says how many more operations (or how much more time) would bound the
// growth below limit. With evenly spaced snapshots the half-width of a slope
// falls as 1/length at the same number of them.
func longer(g *stats.Interval, limit float64, res *detect.Result) string {
	const most = 100 // beyond it the advice is another one
	room := limit - max(g.Estimate, 0)
	ratio := (g.Hi - g.Estimate) / room
	switch {
	case room <= 0 || !stats.Finite(ratio) || ratio > most || ratio <= 0:
		return "run longer{ (--for)}, and hold the load still at each snapshot{ (--quiesce)}"
	case ratio < 1.1:
		ratio = 1.1
	}
	if res.HasOps() && res.Ops > 0 {
		return fmt.Sprintf("run longer: about %s more ops would bound it", atMost(math.Ceil((ratio-1)*float64(res.Ops))))
	}
	if res.Seconds > 0 {
		return "run longer: about " + Duration((ratio-1)*res.Seconds) + " more would bound it"
	}
	return "run longer{ (--for)}"
}

// growths names the totals that grew, with the size of each.
func growths(res *detect.Result) (parts []string) {
	add := func(name, what, label string) {
		t := res.Total(name)
		if g := t.In(res.Per); g != nil && t.Verdict.AsksAttention() {
			parts = append(parts, Growth(g, what+"/"+string(res.Per))+label)
		}
	}
	add("live_bytes", "B", " live heap")
	add("goroutines", "goroutines", "")
	add("stack_bytes", "B", " stacks")
	if len(parts) == 0 {
		add("live_objects", "objects", "")
		add("rss_bytes", "B", " RSS")
	}
	return parts
}

// asking are the findings that ask for attention.
func asking(res *detect.Result) []*detect.Finding {
	var out []*detect.Finding
	for i := range res.Findings {
		if f := &res.Findings[i]; f.Verdict.AsksAttention() {
			out = append(out, f)
		}
	}
	return out
}

// amount is the size of a finding along the run's axis; empty where unknown.
func amount(f *detect.Finding, res *detect.Result) string {
	per := "/" + string(res.Per)
	if i := f.Goroutines.On(res.Per); i != nil && f.Kind == detect.KindGoroutine {
		return Growth(i, "goroutines"+per)
	}
	if i := f.Bytes.On(res.Per); i != nil {
		return Rate(i, "B"+per)
	}
	if i := f.Objects.On(res.Per); i != nil && f.Kind != detect.KindGoroutine {
		return Rate(i, "objects"+per)
	}
	return ""
}

// held is what a finding holds at the end: "31.0 MiB live", "381 stuck".
func held(f *detect.Finding) string {
	switch {
	case f.Kind == detect.KindGoroutine && f.Count > 0:
		return Count(float64(f.Count)) + " stuck"
	case f.LiveBytes > 0:
		return Bytes(float64(f.LiveBytes)) + " live"
	}
	return ""
}

// mostChurn is how many places that churn are named.
const mostChurn = 3

// churning are the places that allocate much per operation and retain nothing:
// they are no leak and leave the verdict alone. more counts those beyond mostChurn.
func churning(res *detect.Result) (shown []*detect.Finding, more int) {
	for i := range res.Findings {
		f := &res.Findings[i]
		switch {
		case f.Verdict != detect.Churn || f.Allocated.On(detect.PerOp) == nil:
		case len(shown) == mostChurn:
			more++
		default:
			shown = append(shown, f)
		}
	}
	return shown, more
}

// churns is how much a place allocates: "312 KiB/op [300, 320] allocated, 41 %
// of all".
func churns(f *detect.Finding) string {
	s := Rate(&f.Allocated.Interval, "B/op") + " allocated"
	if f.Share > 0 && stats.Finite(float64(f.Share)) {
		s += fmt.Sprintf(", %s %% of all", Count(100*float64(f.Share)))
	}
	return s
}

// explained sets the sum over the sites against the exact growth of the live
// heap; empty where there is nothing to compare.
func explained(res *detect.Result) string {
	t := res.Total("live_bytes")
	exact := t.In(res.Per)
	if exact == nil || exact.Estimate <= 0 || !t.Verdict.AsksAttention() {
		return ""
	}
	sites := 0.0
	for _, f := range asking(res) {
		if r := f.Bytes.On(res.Per); r != nil && f.Kind == detect.KindHeap && len(f.Stack) > 0 {
			sites += r.Estimate
		}
	}
	per := "/" + string(res.Per)
	if sites <= 0 {
		return fmt.Sprintf("No site explains the exact +%s%s.", Bytes(exact.Estimate), per)
	}
	return fmt.Sprintf("The sites above explain %s%s of the exact +%s%s (%s %%).",
		Bytes(sites), per, Bytes(exact.Estimate), per, Count(100*sites/exact.Estimate))
}

// mean reads bytes and objects together: where both grow, values are retained,
// often a whole number of them an operation. Empty where either is not known
// to grow.
func mean(res *detect.Result) string {
	b, o := res.Total("live_bytes"), res.Total("live_objects")
	if b == nil || o == nil || b.Verdict != detect.Leak || o.Verdict != detect.Leak {
		return ""
	}
	bytes, objects := b.In(res.Per), o.In(res.Per)
	if bytes == nil || objects == nil || bytes.Estimate <= 0 || objects.Estimate <= 0 {
		return ""
	}
	return fmt.Sprintf("What is kept: %s objects/%s, %s each on average.",
		digits(objects.Estimate, 2), res.Per, Bytes(bytes.Estimate/objects.Estimate))
}

// forecast says when memory runs out, and what is taken for granted; empty where
// it is not known.
func forecast(res *detect.Result) string {
	f := res.Forecast
	if f == nil || !stats.Finite(f.SecondsToLimit.Estimate) || f.SecondsToLimit.Estimate < 0 {
		return ""
	}
	size := Bytes(float64(f.LimitBytes))
	when := "in about " + Duration(f.SecondsToLimit.Estimate)
	if i := f.SecondsToLimit; i.Finite() && i.Lo >= 0 {
		when += " [" + Duration(i.Lo) + ", " + Duration(i.Hi) + "]"
	}
	when += " at this rate"
	if s := assumption(f, Operator); s != "" {
		when += ", if " + s
	}
	switch f.Limit {
	case detect.LimitGo:
		return "GOMEMLIMIT (" + size + ") is reached " + when + "; from then on the collector runs all the time."
	case detect.LimitCgroup:
		return "Out of memory (control group's limit, " + size + ") " + when + "."
	}
	return "Out of memory (" + size + ") " + when + "."
}

func assumption(f *detect.Forecast, r Reader) string {
	if f.Assumption == nil {
		return ""
	}
	return Sentence(Why([]detect.Reason{*f.Assumption}, r))
}

// Seen is what a leak must have been to be found, "≥ 0.9 B/op or ≥ 0.0002
// goroutines/op (90 %)"; empty where unknown.
func Seen(res *detect.Result) string {
	p := res.Power
	if p == nil {
		return ""
	}
	var parts []string
	if positive(p.Bytes) {
		parts = append(parts, "≥ "+atMostBytes(*p.Bytes)+"/"+string(p.Per))
	}
	if positive(p.Goroutines) {
		parts = append(parts, "≥ "+atMost(*p.Goroutines)+" goroutines/"+string(p.Per))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " or ") + confidence(p.Confidence)
}

// power is what Seen says, and from what size on a leak would have been named and
// not only seen; empty where that is not known.
func power(run *snapshot.Run, res *detect.Result) []string {
	seen := Seen(res)
	if seen == "" {
		return nil
	}
	out := []string{"This run would have seen any leak of " + seen + "."}
	p := res.Power
	if large := p.LargeBytes; p.ObjectsUpTo > 0 {
		s := "That holds for objects of up to " + Bytes(float64(p.ObjectsUpTo)) + "; in " + Bytes(detect.LargeLeak) + " objects, "
		if positive(large) {
			s += "from " + atMostBytes(*large) + "/" + string(p.Per) + " on."
		} else {
			s += "no leak would have been seen."
		}
		out = append(out, s)
	}
	if !positive(p.SiteBytes) {
		return out
	}
	s := "A single site would have been named from " + atMostBytes(*p.SiteBytes) + "/" + string(p.Per) + " on"
	if b := p.Busiest; b != nil && stats.Finite(b.Bytes) {
		s += "; one in " + ShortFunction(b.Function)
		if at := Place(b.Function, b.File, b.Line, run.Target.Module); at != "" {
			s += " (" + at + ")"
		}
		s += ", where much comes and goes, from " + atMostBytes(b.Bytes) + "/" + string(b.Per) + " on" + confidence(b.Confidence)
	}
	return append(out, s+".")
}

func confidence(c float64) string {
	if !positive(&c) {
		return ""
	}
	return " (" + short(100*c) + " %)"
}

func positive(v *float64) bool { return v != nil && stats.Finite(*v) && *v > 0 }

// quiet is what a run without a leak promises: that nothing is retained, or nothing
// but what is allowed, with the bound of all else.
func quiet(run *snapshot.Run, res *detect.Result) string {
	var beside []string
	for _, t := range res.Totals {
		if t.BesideAllowed == nil || !t.Verdict.AsksAttention() {
			continue
		}
		switch t.Name {
		case "live_bytes":
			beside = append(beside, atMostBytes(*t.BesideAllowed)+"/"+string(res.Per))
		case "goroutines":
			beside = append(beside, atMost(*t.BesideAllowed)+" goroutines/"+string(res.Per))
		}
	}
	if len(beside) == 0 {
		return clean(run, res)
	}
	return span(run, res, false) + ": nothing grows but what is allowed (--allow), the rest by at most " + strings.Join(beside, " and ")
}
