package detect

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// A site whose share of the growth is below minorShare, beside one that has
// majorShare or more, is told with that one.
const (
	minorShare = 0.05
	majorShare = 0.25
)

// mostParts is how many parts of a cluster are listed.
const mostParts = 5

// cluster makes one finding of the heap sites that are one story: whose call
// paths lead through the same culprit, up to the root. One call of the user's
// that keeps something mostly keeps it in many pieces, each allocated at another
// place below it. The finding shows the stack of the largest part, the sums of
// all, and lists them. Sites with little of the growth beside one that has much
// are listed with it, too. Order is by verdict and size. sites are ordered.
func (a *analysis) cluster(sites []Finding) []Finding {
	var out []Finding
	parts := map[string][]Finding{}
	var keys []string
	for _, f := range sites {
		if len(f.Stack) == 0 { // (unattributed)
			out = append(out, f)
			continue
		}
		k := a.story(f.Stack)
		if parts[k] == nil {
			keys = append(keys, k)
		}
		parts[k] = append(parts[k], f)
	}
	var whole []Finding
	for _, k := range keys {
		whole = append(whole, together(parts[k], strings.Count(k, "\n")))
	}
	order(whole)
	whole = aside(whole)
	return append(whole, out...)
}

// story is the key of a cluster: the functions from the culprit to the root.
func (a *analysis) story(stack []snapshot.Frame) string {
	var b strings.Builder
	for _, f := range stack[max(0, series.Culprit(stack, a.cfg.Module)):] {
		b.WriteString(f.Function)
		b.WriteByte('\n')
	}
	return b.String()
}

// together is one finding of the parts of a cluster, of which there is at least
// one; the last shared frames of their stacks are the same. It has the worst
// verdict; its intervals are those of sums of independent parts: the distances to
// the bounds add as squares.
func together(parts []Finding, shared int) Finding {
	if len(parts) == 1 {
		return parts[0]
	}
	sort.SliceStable(parts, func(i, j int) bool { return weigh(&parts[i]) > weigh(&parts[j]) })
	f := heaviest(parts, shared)
	f.Why, f.HeldBy = nil, nil
	add := func(of func(*Finding) *stats.Interval) *stats.Interval {
		var all []stats.Interval
		for i := range parts {
			if iv := of(&parts[i]); iv != nil {
				all = append(all, *iv)
			}
		}
		return sum(all)
	}
	f.BytesPerOp = add(func(f *Finding) *stats.Interval { return f.BytesPerOp })
	f.BytesPerSecond = add(func(f *Finding) *stats.Interval { return f.BytesPerSecond })
	f.ObjectsPerOp = add(func(f *Finding) *stats.Interval { return f.ObjectsPerOp })
	f.AllocPerOp = add(func(f *Finding) *stats.Interval { return f.AllocPerOp })
	f.LiveBytes, f.Count, f.Share = 0, 0, 0
	best := parts[0]
	for _, p := range parts {
		f.Parts = append(f.Parts, p.ID)
		f.LiveBytes += p.LiveBytes
		f.Count += p.Count
		f.Share = math.Min(1, f.Share+p.Share)
		if rank(p.Verdict) < rank(best.Verdict) {
			best = p
		}
		if f.Shape == "" {
			f.Shape = p.Shape
		}
		for _, h := range p.HeldBy {
			f.HeldBy = once(f.HeldBy, h)
		}
	}
	f.Verdict, f.Trend, f.Why = best.Verdict, best.Trend, append(f.Why, best.Why...)
	f.Why = append(f.Why, fmt.Sprintf("%d sites below it grow together: %s", len(parts), list(parts)))
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
		if own > 2*(all-own) {
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

// aside tells the small ones of what grows with the first and large one; only
// where the totals are proved to leak are there shares.
func aside(whole []Finding) []Finding {
	if len(whole) < 2 || whole[0].Share < majorShare || whole[0].Verdict != Leak {
		return whole
	}
	var out, minor []Finding
	for i, f := range whole {
		if i > 0 && f.Share > 0 && f.Share < minorShare && len(f.HeldBy) == 0 {
			minor = append(minor, f)
			continue
		}
		out = append(out, f)
	}
	if len(minor) > 0 {
		out[0].Why = append(out[0].Why, fmt.Sprintf("little beside it, to be looked at again once it is mended: %s", list(minor)))
	}
	return out
}

// list names the places of findings with their sizes, the first mostParts.
func list(parts []Finding) string {
	var b strings.Builder
	for i, p := range parts {
		if i == mostParts {
			fmt.Fprintf(&b, "; and %d more", len(parts)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(place(p.Stack))
		switch {
		case p.BytesPerOp != nil:
			fmt.Fprintf(&b, " %s B/op", figure(p.BytesPerOp.Estimate))
		case p.BytesPerSecond != nil:
			fmt.Fprintf(&b, " %s B/s", figure(p.BytesPerSecond.Estimate))
		}
	}
	return b.String()
}

// place is where a stack allocates: its first frame outside the standard
// library, with the last element of its file's path.
func place(stack []snapshot.Frame) string {
	t := series.Trim(stack)
	if len(t) == 0 {
		return Unattributed
	}
	name := t[0].Function[strings.LastIndexByte(t[0].Function, '/')+1:]
	if t[0].File == "" {
		return name
	}
	file := strings.ReplaceAll(t[0].File, "\\", "/")
	return fmt.Sprintf("%s (%s:%d)", name, file[strings.LastIndexByte(file, '/')+1:], t[0].Line)
}

// sum adds intervals of independent quantities; nil for none.
func sum(all []stats.Interval) *stats.Interval {
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

// once appends s unless it is there.
func once(all []string, s string) []string {
	for _, t := range all {
		if t == s {
			return all
		}
	}
	return append(all, s)
}
