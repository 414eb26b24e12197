package detect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"sort"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Analyze judges a run. It never fails: a run with nothing in it is
// inconclusive, and the warnings say what it lacked. O(sites × snapshots²).
func Analyze(run *snapshot.Run, cfg Config) *Result { return judge(run, cfg).complete() }

// judgement is one run on its way from series to result.
type judgement struct {
	cfg     Config
	run     *series.Run
	target  snapshot.Target
	peakRSS float64 // over the run, bytes; 0 unknown

	totals      map[string]*total
	classes     []*class // by size; empty where unknown
	groups      []*group // that there is something to say of
	sites       []*site
	shrink      []*site // of them, those that make room for others
	tested      int     // sites that share the level of their tests
	testedParts int     // of sites that have more than one, likewise
	atSites     atSites

	contents int // different requests that each pass repeats; 0 not known to repeat

	partial string // why this is no whole run, in words; empty for a whole one

	res *Result
}

// judge does everything but what takes simulation (see complete): it measures each
// series, lets the rules decide, and makes findings of what they say.
func judge(run *snapshot.Run, cfg Config) *judgement {
	j := &judgement{cfg: cfg, run: series.Build(run), target: run.Target, peakRSS: float64(run.Peak.RSS), totals: map[string]*total{}, contents: run.Load.Contents, partial: cmp.Or(run.Failed, run.Ended)}
	rate := 0.0
	if j.run.HasOps {
		rate = j.run.OpsPerSecond(j.run.Window.Judged)
	}
	j.cfg.Clean = cfg.Clean.at(rate)
	j.res = &Result{Clean: j.cfg.Clean, Snapshots: len(run.Snapshots), Per: j.per()}
	j.extent()
	j.lacks(run)
	j.measureTotals()
	j.measureClasses()
	j.measureGroups()
	j.measureSites()
	j.atSites = j.countAtSites()

	for _, g := range j.groups {
		g.others = j.groupOthers(g)
		g.Decision = decide(groupRules(), &g.Evidence, &g.others)
	}
	j.groups = j.connected()
	for name, t := range j.totals {
		if name != series.AllocatedBytes { // it only ever grows: nothing is asked of it
			others := j.totalOthers(t)
			t.Decision = decide(totalRules(), &t.Evidence, &others)
		}
	}
	others := j.siteOthers()
	for _, s := range j.sites {
		s.Decision = decide(siteRules(), &s.Evidence, &others)
	}

	sites := j.heapFindings()
	if f, ok := j.outside(); ok {
		sites = append(sites, f)
	}
	j.res.Findings = j.joined(sites)
	for i := range j.run.Totals {
		j.res.Totals = append(j.res.Totals, j.totals[j.run.Totals[i].Name].report(j))
	}
	j.allow()
	j.conclude()
	return j
}

// complete adds power and forecast.
func (j *judgement) complete() *Result {
	j.res.Power = j.power()
	j.tellSmall()
	j.res.Forecast = j.forecast()
	return j.res
}

// tellSmall says of a leak that is smaller than the power of its run that its size
// is an upper end: of such leaks only those are found that noise makes look larger,
// and their intervals miss the true size more often than they say.
func (j *judgement) tellSmall() {
	t, p := j.res.Total(series.LiveBytes), j.res.Power
	if t == nil || t.Verdict != Leak || p == nil || p.Bytes == nil || t.Growth == nil || t.Growth.Estimate >= *p.Bytes {
		return
	}
	t.Reasons = append(t.Reasons, Reason{SizeBelowPower, Values{Rate: *p.Bytes, Per: p.Per}})
}

// per is the unit of work.
func (j *judgement) per() Per {
	switch {
	case j.run.HasOps:
		return PerOp
	case j.run.Ordered:
		return PerSnapshot
	}
	return PerSecond
}

// verdict of a total, Unknown where it is not there.
func (j *judgement) verdict(name string) Verdict {
	if t := j.totals[name]; t != nil {
		return t.Verdict
	}
	return Unknown
}

// ramp reports that a heap total would be a leak, were it not for goroutines that
// may end by themselves.
func (j *judgement) ramp() bool {
	for _, t := range j.totals {
		if t.Because == WithGoroutines {
			return true
		}
	}
	return false
}

// measured is a total that could be measured, nil where it could not.
func (j *judgement) measured(name string) *total {
	if t := j.totals[name]; t != nil && t.Measured() {
		return t
	}
	return nil
}

// extent says what the run saw and which part of it was judged.
func (j *judgement) extent() {
	var steady []int
	for i, s := range j.run.Snapshots {
		if s.Phase == snapshot.PhaseSteady || s.Phase == snapshot.PhaseUnknown {
			steady = append(steady, i)
		}
	}
	if n := len(steady); n >= 2 {
		j.res.Seconds = j.run.Seconds[steady[n-1]] - j.run.Seconds[steady[0]]
		if j.run.HasOps {
			j.res.Ops = int64(j.run.Work[steady[n-1]] - j.run.Work[steady[0]])
		}
	}
	w := &j.res.Window
	at := j.run.Window.Judged
	w.Snapshots, w.Phased = len(at), j.run.Window.Phased
	if n := len(at); n > 0 {
		w.From, w.To = j.run.Snapshots[at[0]].Time, j.run.Snapshots[at[n-1]].Time
		w.Work = j.run.Work[at[n-1]] - j.run.Work[at[0]]
	}
}

// lacks warns of what came with the run and of what the verdict could not use.
func (j *judgement) lacks(run *snapshot.Run) {
	warn := func(code Code, v Values) { j.res.Warn(Warning{Code: code, Values: v}) }
	for _, all := range [][]snapshot.Warning{run.Warnings, j.run.Warnings} {
		for _, w := range all {
			j.res.Warn(Warning{Code: Code(w.Code), Text: w.Text})
		}
	}
	if v := run.Load.Valid; v != nil && !*v && run.Load.Reason != "" {
		j.res.Warn(Warning{Code: LoadNotValid, Text: run.Load.Reason})
	}
	if len(j.run.Snapshots) == 0 {
		warn(NoSnapshots, Values{})
		return
	}
	if n := j.res.Window.Snapshots; n < minTail {
		warn(FewSnapshots, Values{N: n, Of: minTail})
	}
	if t := j.run.Total(series.LiveBytes); t == nil {
		warn(LiveBytesUnknown, Values{})
	} else if t.Sampled {
		warn(NoExactCounters, Values{})
	}
	if j.run.Total(series.Goroutines) == nil {
		code, v := GoroutinesUnknown, Values{}
		for _, s := range j.run.Snapshots {
			if s.Goroutines != nil { // one at most, or they would be a total
				code, v = GoroutinesOnce, Values{Count: float64(s.Goroutines.Total)}
			}
		}
		warn(code, v)
	}
	heaps, samples, off := 0, 0, false
	deep := false
	for _, s := range j.run.Snapshots {
		if s.Heap == nil {
			continue
		}
		heaps++
		samples += len(s.Heap.Samples)
		off = off || s.Heap.Period <= 0
		for _, x := range s.Heap.Samples {
			deep = deep || len(x.Stack.Frames) >= 128 && x.InuseBytes > 0
		}
	}
	if heaps > 0 && (samples == 0 || off) {
		warn(ProfilingOff, Values{})
	}
	if deep {
		warn(StacksCut, Values{})
	}
	if !j.run.HasOps {
		warn(OperationsUnknown, Values{})
	}
}

// report turns a total into that of the result.
func (t *total) report(j *judgement) Total {
	out := Total{Name: t.series.Name, Verdict: t.Verdict}
	if n := len(t.y); n > 0 {
		out.First, out.Last = t.series.Y[t.at[0]], t.series.Y[t.at[n-1]]
	}
	if !t.Measured() {
		out.Reasons = []Reason{{t.Missing, Values{N: t.Judged, Of: minTail}}}
		return out
	}
	out.Trend, out.Exponent = t.trend(), t.exponent()
	out.Growth = &Rate{t.reported(j), j.per()}
	if j.run.HasOps {
		out.OpsPerSecond = j.run.OpsPerSecond(t.at)
	}
	out.Bound = t.bound(j.per(), out.OpsPerSecond)
	if t.Rule != "" {
		out.Tests, out.Reasons = t.asked(), t.reasons(j)
	}
	return out
}

// bound is what decided that t does not grow, nil where nothing did.
func (t *total) bound(per Per, opsPerSecond float64) *Bound {
	var by Test
	switch {
	case t.Verdict == Stable:
		by = t.Bounded
	case t.Verdict == Plateau && t.Because == SecondPassFlat:
		by = t.PassBounded
	case t.Verdict == Plateau:
		by = t.Flat
	}
	if !by.Asked() {
		return nil
	}
	least := math.Max(0, by.Statistic)
	b := &Bound{Test: by.Name, Limit: by.Bound}
	if per == PerSecond {
		b.PerSecond = stats.Printable(least)
		return b
	}
	if b.PerOp = stats.Printable(least); opsPerSecond > 0 {
		b.PerSecond = stats.Printable(least * opsPerSecond)
	}
	return b
}

// weigh orders findings of equal verdict: bytes that grow, then goroutines; of
// churn, bytes that are allocated.
func weigh(f *Finding) float64 {
	if f.Verdict == Churn && f.Allocated != nil {
		return f.Allocated.Estimate
	}
	if f.Bytes != nil {
		return f.Bytes.Estimate
	}
	return 0
}

func order(f []Finding) {
	sort.SliceStable(f, func(i, j int) bool {
		if x, y := f[i].Verdict.Rank(), f[j].Verdict.Rank(); x != y {
			return x < y
		}
		if x, y := weigh(&f[i]), weigh(&f[j]); x != y {
			return x > y
		}
		if f[i].Count != f[j].Count {
			return f[i].Count > f[j].Count
		}
		return f[i].ID < f[j].ID
	})
}

// identify is the id of a finding: a hash of its kind and function stack
// without lines, so that it survives edits and builds.
func identify(kind Kind, key string) string {
	h := sha256.Sum256([]byte(string(kind) + "\n" + key))
	return hex.EncodeToString(h[:6])
}

// SiteID is the id of the finding about the site with a key (series.SiteKey).
func SiteID(key string) string { return identify(KindHeap, key) }

// GroupID is the id of the finding about a group of goroutines (series.GroupKey).
func GroupID(reason, site, root string) string {
	return identify(KindGoroutine, reason+"\n"+site+"\n"+root)
}

// blame fills the culprit and the stack of f.
func (f *Finding) blame(stack *snapshot.Stack, module string) {
	if stack == nil {
		return
	}
	f.Stack = stack.Frames
	if i := series.Culprit(stack.Frames, module); i >= 0 {
		c := stack.Frames[i]
		f.Function, f.File, f.Line = c.Function, c.File, c.Line
	}
}

// last known value; 0 when there is none.
func last(y []float64) float64 {
	for i := len(y) - 1; i >= 0; i-- {
		if !math.IsNaN(y[i]) {
			return y[i]
		}
	}
	return 0
}
