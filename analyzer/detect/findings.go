package detect

import (
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// joined makes the findings of the run from those of the heap and the groups of
// goroutines: what goroutines keep is joined to them, sites that are one call of
// the user's become one finding, and all are put in order, worst first.
func (j *judgement) joined(sites []Finding) []Finding {
	stuck := slices.ContainsFunc(j.groups, func(g *group) bool { return g.Verdict == Leak })
	var out []Finding
	alone := -1 // index in out of the one suspect that no group of goroutines keeps
	left := 0
	for _, g := range j.groups {
		if g.unreadBody() {
			g.finding.Shape = shapeBody + guessed
			g.finding.because(BodyNotClosed, Values{})
		}
	}
	order(sites)
	for _, f := range sites {
		if len(j.groups) > 0 && isDescriptor(f.Stack) {
			continue // what the runtime needs for each goroutine is no finding of its own
		}
		for _, g := range j.groups {
			if g.keeps(&f) {
				f.HeldBy = append(f.HeldBy, g.holder())
				switch {
				case g.unreadBody():
					f.Shape = shapeBody + guessed
				case g.series.Root != series.Enclosing(g.series.Root):
					f.Shape = shapeClosure
				default:
					f.Shape = shapeGoroutine
				}
				g.finding.because(MemoryGrowsWith, Values{Function: f.Function})
			}
		}
		// Where stuck goroutines are proved, what they keep grows everywhere
		// that their work allocates: one such site is shown for all.
		if stuck && f.Verdict == Suspect && len(f.HeldBy) == 0 {
			if alone >= 0 {
				left++
				continue
			}
			alone = len(out)
		}
		out = append(out, f)
	}
	if left > 0 {
		out[alone].because(OthersWithStuck, Values{N: left})
	}
	order(out)
	j.tellStuck(out)
	out = j.clustered(out)
	for i := range out {
		out[i].guessShape()
		if at := slices.IndexFunc(out[i].HeldBy, func(h Holder) bool { return h.Stuck }); at >= 0 {
			out[i].because(HeldByStuck, Values{Count: float64(out[i].HeldBy[at].Goroutines)})
		}
	}
	for _, g := range j.groups {
		out = append(out, g.finding)
	}
	out = append(out, j.churn(out)...)
	order(out)
	j.link(out)
	for i := range out {
		out[i].document()
	}
	return out
}

// holder is the goroutines of g as those who keep something.
func (g *group) holder() Holder {
	h := Holder{Stuck: g.Verdict == Leak, Goroutines: g.finding.Count, WaitReason: g.series.Reason, Function: g.finding.Function, Root: g.series.Root}
	if by := g.series.CreatedBy.Function; by != series.Enclosing(g.series.Root) {
		h.CreatedBy = by
	}
	return h
}

// isDescriptor reports a stack on which the runtime makes goroutines themselves.
func isDescriptor(stack []snapshot.Frame) bool {
	return slices.ContainsFunc(stack, func(f snapshot.Frame) bool { return f.Function == "runtime.malg" })
}

// keeps reports that what the goroutines of g hold was allocated on the stack of f,
// where there is something to say of them.
func (g *group) keeps(f *Finding) bool {
	root := g.series.Root
	if len(f.Stack) == 0 || root == "" || g.Verdict.Rank() > Growing.Rank() {
		return false
	}
	if g.unreadBody() {
		return slices.ContainsFunc(f.Stack, clientConnection)
	}
	frames := g.series.Stack.Frames
	return !series.Standard(frames[len(frames)-1]) && begunOn(g.series, f.Stack, f.Function)
}

// clustered makes one finding of the heap sites whose call paths lead through the
// same culprit, up to the root: one call of the user's that keeps something mostly
// keeps it in many pieces, each allocated at another place below it. The finding
// shows the stack of the largest part, the sums of all, and lists them. Sites with
// little of the growth beside one that has much are listed with it, too. Order is
// by verdict and size. sites are ordered.
func (j *judgement) clustered(sites []Finding) []Finding {
	var out []Finding
	parts := map[string][]Finding{}
	var keys []string
	for _, f := range sites {
		if len(f.Stack) == 0 { // (unattributed)
			out = append(out, f)
			continue
		}
		k := j.path(f.Stack)
		if parts[k] == nil {
			keys = append(keys, k)
		}
		parts[k] = append(parts[k], f)
	}
	var whole []Finding
	for _, k := range keys {
		f := merged(parts[k], strings.Count(k, "\n"))
		if k == RuntimeItself {
			f.Function, f.File, f.Line = RuntimeItself, "", 0
		}
		whole = append(whole, f)
	}
	order(whole)
	return append(j.listMinor(whole), out...)
}

// path is the key of a cluster: the functions from the culprit to the root. Stacks
// of the runtime's frames alone are one: no code of the user's is on them.
func (j *judgement) path(stack []snapshot.Frame) string {
	if !slices.ContainsFunc(stack, func(f snapshot.Frame) bool { return !ofRuntime(f) }) {
		return RuntimeItself
	}
	var b strings.Builder
	for _, f := range stack[max(0, series.Culprit(stack, j.cfg.Module)):] {
		b.WriteString(f.Function)
		b.WriteByte('\n')
	}
	return b.String()
}

func ofRuntime(f snapshot.Frame) bool {
	p := series.Package(f.Function)
	return p == "runtime" || strings.HasPrefix(p, "internal/runtime/")
}

// merged is one finding of the parts of a cluster, of which there is at least
// one; the last shared frames of their stacks are the same. It has the worst
// verdict; its intervals are those of sums of independent parts: the distances to
// the bounds add as squares.
func merged(parts []Finding, shared int) Finding {
	if len(parts) == 1 {
		return parts[0]
	}
	sort.SliceStable(parts, func(i, j int) bool { return weigh(&parts[i]) > weigh(&parts[j]) })
	f := heaviest(parts, shared)
	add := func(of func(*Finding) *Rate) *Rate {
		var all []*stats.Interval
		var per Per
		for i := range parts {
			if r := of(&parts[i]); r != nil {
				all, per = append(all, &r.Interval), r.Per
			}
		}
		if s := sum(all...); s != nil {
			return &Rate{*s, per}
		}
		return nil
	}
	f.Bytes = add(func(f *Finding) *Rate { return f.Bytes })
	f.Objects = add(func(f *Finding) *Rate { return f.Objects })
	f.Allocated = add(func(f *Finding) *Rate { return f.Allocated })
	f.LiveBytes, f.Count, f.Share, f.HeldBy = 0, 0, 0, nil
	best := parts[0]
	for _, p := range parts {
		f.Parts = append(f.Parts, p.ID)
		f.LiveBytes += p.LiveBytes
		f.Count += p.Count
		f.Share = min(1, f.Share+p.Share)
		if p.Verdict.Rank() < best.Verdict.Rank() {
			best = p
		}
		if f.Shape == "" {
			f.Shape = p.Shape
		}
		for _, h := range p.HeldBy {
			if !slices.Contains(f.HeldBy, h) {
				f.HeldBy = append(f.HeldBy, h)
			}
		}
	}
	f.Verdict, f.Trend, f.Tests, f.Reasons = best.Verdict, best.Trend, best.Tests, slices.Clone(best.Reasons)
	f.because(GrowTogether, listed(parts))
	return f
}

// heaviest is the part to show: from the shared frames towards the leaves the way
// is taken that most of the growth takes, so that many small sites below one call
// outweigh a larger one elsewhere. What a function allocates itself is shown only
// where that is more than twice all of its calls together: a call tells more.
// parts are ordered by size.
func heaviest(parts []Finding, shared int) Finding {
	for depth := shared; len(parts) > 1; depth++ {
		weight := map[string]float64{}
		own, most, best := 0.0, math.Inf(-1), ""
		callee := func(f *Finding) string { // "" where the stack ends
			if i := len(f.Stack) - 1 - depth; i >= 0 {
				return f.Stack[i].Function
			}
			return ""
		}
		all := 0.0
		for i := range parts {
			c, w := callee(&parts[i]), weigh(&parts[i])
			all += w
			if c == "" {
				own += w
			} else if weight[c] += w; weight[c] > most {
				most, best = weight[c], c
			}
		}
		if own > ownOverCalls*(all-own) {
			best = ""
		}
		var way []Finding
		for i := range parts {
			if callee(&parts[i]) == best {
				way = append(way, parts[i])
			}
		}
		if best == "" {
			return way[0]
		}
		parts = way
	}
	return parts[0]
}

// listMinor takes the small findings beside the first and large one off the list
// and names them there; only where the totals are proved to leak are there shares.
// What is little of the bytes and much of the objects is a leak of its own.
func (j *judgement) listMinor(whole []Finding) []Finding {
	if len(whole) < 2 || whole[0].Share < majorShare || whole[0].Verdict != Leak {
		return whole
	}
	many := func(f *Finding) bool {
		t := j.measured(series.LiveObjects)
		return t != nil && t.Verdict == Leak && f.Objects != nil && f.Objects.Estimate >= majorShare*t.fit.PerX
	}
	var out, minor []Finding
	for i, f := range whole {
		if i > 0 && f.Share > 0 && f.Share < minorShare && (len(f.HeldBy) == 0 || heldAlike(&f, &whole[0])) && !many(&f) {
			minor = append(minor, f)
			continue
		}
		out = append(out, f)
	}
	if len(minor) > 0 {
		out[0].because(LittleBeside, listed(minor))
	}
	return out
}

// listed names the places of findings with their sizes, the first mostParts: the
// first frame outside the standard library.
func listed(parts []Finding) Values {
	v := Values{N: len(parts), More: max(0, len(parts)-mostParts)}
	for _, f := range parts[:min(len(parts), mostParts)] {
		p := Part{Function: Unattributed}
		if t := series.Trim(f.Stack); len(t) > 0 {
			p = Part{Function: t[0].Function, File: t[0].File, Line: t[0].Line}
		}
		if f.Bytes != nil {
			p.Rate, p.Per = f.Bytes.Estimate, f.Bytes.Per
		}
		v.Parts = append(v.Parts, p)
	}
	return v
}

// sum adds intervals of independent quantities: the distances to the bounds add as
// squares. nil is none; nil where all are.
func sum(all ...*stats.Interval) *stats.Interval {
	all = slices.DeleteFunc(slices.Clone(all), func(iv *stats.Interval) bool { return iv == nil })
	if len(all) == 0 {
		return nil
	}
	s := stats.Interval{Confidence: all[0].Confidence, N: all[0].N}
	var below, above float64
	for _, iv := range all {
		s.Estimate += iv.Estimate
		below += (iv.Estimate - iv.Lo) * (iv.Estimate - iv.Lo)
		above += (iv.Hi - iv.Estimate) * (iv.Hi - iv.Estimate)
	}
	s.Lo, s.Hi = s.Estimate-math.Sqrt(below), s.Estimate+math.Sqrt(above)
	return &s
}
