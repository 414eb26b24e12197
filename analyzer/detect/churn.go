package detect

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// What is worth saying of allocations that keep nothing. Every operation
// allocates something; a place is named where mending it would be felt. The
// collector's work per allocated byte does not depend on how much is live (the
// more is live, the later it runs), so the bound is one of bytes: 64 KiB are
// about a thousand small objects, some tens of microseconds of making, clearing
// and collecting them in every operation; with the least heap of 4 MiB such a
// place alone causes a collection every 64 operations. And what is less than a
// tenth of all that is allocated is not where to begin.
const (
	churnBytes   = 64 << 10 // an operation; the interval's lower bound is held against it
	churnShare   = 0.10
	churnKept    = 0.10 // part of what was allocated that may be in use in the end
	churnSamples = 16   // sampled objects that tell the share to a quarter
	mostChurn    = 5    // findings
)

// allocation is what was allocated over the judged snapshots, by sampling.
type allocation struct {
	bytes    float64
	variance float64 // of bytes: Σ k w² (1−p), METHOD.md section 3
	samples  float64 // k
}

func (x *allocation) add(y allocation) {
	x.bytes, x.variance, x.samples = x.bytes+y.bytes, x.variance+y.variance, x.samples+y.samples
}

// allocated is what a site allocated between the first and the last of the given
// snapshots: sampled births, each of w = s/p bytes. Of n objects of s bytes the
// sampled k are binomial, so the estimate w·k has the variance n s² (1−p)/p, for
// which k w² (1−p) stands, p = s/w.
func (a *analysis) allocated(s *series.Site, at []int) allocation {
	var out allocation
	if len(at) < 2 {
		return out
	}
	first, end := at[0], at[len(at)-1]
	for _, z := range s.Sizes() {
		k := math.Max(0, z.Births[end]-z.Births[first])
		missed := 1.0 // 1−p; not known without a size
		if z.Size > 0 && z.Weight > 0 {
			missed = math.Max(0, 1-float64(z.Size)/z.Weight)
		}
		out.add(allocation{k * z.Weight, k * z.Weight * z.Weight * missed, k})
	}
	return out
}

// perWork is the interval of what is allocated per work: normal where many
// samples tell it, else that of a Poisson count of as many samples as would have
// its variance. nil where there is nothing.
func (x allocation) perWork(work float64) *stats.Interval {
	if !(x.bytes > 0) || !(work > 0) {
		return nil
	}
	iv := stats.Interval{Estimate: x.bytes, Lo: x.bytes, Hi: x.bytes, Confidence: confidence, N: int(x.samples)}
	if k := x.bytes * x.bytes / x.variance; k < 100 {
		n := math.Max(1, math.Round(k))
		iv = stats.PoissonInterval(int(n), confidence).Scale(x.bytes / n)
		iv.N = int(x.samples)
	} else if x.variance > 0 {
		d := stats.NormalQuantile(0.5+confidence/2) * math.Sqrt(x.variance)
		iv.Lo, iv.Hi = x.bytes-d, x.bytes+d
	}
	iv = iv.Scale(1 / work)
	return &iv
}

func (a *analysis) workOver(at []int) float64 {
	if len(at) < 2 {
		return 0
	}
	return a.r.Work[at[len(at)-1]] - a.r.Work[at[0]]
}

// churner is one function of the user's and what is allocated by it and below it
// up to the next function of the user's.
type churner struct {
	function string
	allocation
	kept  float64 // bytes more in use at the end than at the start
	sites []*series.Site
	lines map[string]float64 // bytes by the culprit's file and line
	stack *snapshot.Stack    // that allocates most
	most  float64            // of it, bytes
}

// churn names the places that allocate much per operation and keep nothing of
// it: they cost the collector, and no memory. They are counted by function, since
// one careless function mostly allocates at several lines and is called from
// several places. It is not asked of runs without a count of operations, nor of
// functions that a finding names already. What taking the snapshots allocates is
// left out, and so is what no function outside the standard library is behind.
func (a *analysis) churn(named []Finding) []Finding {
	if !a.r.HasOps {
		return nil
	}
	var all []*churner
	byFunction := map[string]*churner{}
	total, work := 0.0, 0.0
	for _, s := range a.r.Sites {
		_, y, at := pick(a.r, s.Bytes, a.w.tail)
		if len(at) < 2 || observing(s.Stack.Frames) {
			continue
		}
		work = a.workOver(at)
		x := a.allocated(s, at)
		total += x.bytes
		i := series.Culprit(s.Stack.Frames, a.cfg.Module)
		if !(x.bytes > 0) || i < 0 || series.Standard(s.Stack.Frames[i]) {
			continue
		}
		name := s.Stack.Frames[i].Function
		c := byFunction[name]
		if c == nil {
			c = &churner{function: name, lines: map[string]float64{}}
			byFunction[name] = c
			all = append(all, c)
		}
		c.add(x)
		c.kept += y[len(y)-1] - y[0]
		c.sites = append(c.sites, s)
		for _, st := range s.Allocated(at[0], at[len(at)-1]) {
			if j := series.Culprit(st.Stack.Frames, a.cfg.Module); j >= 0 {
				c.lines[line(st.Stack.Frames[j])] += st.Bytes
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].bytes > all[j].bytes })
	var out []Finding
	for _, c := range all {
		if len(out) == mostChurn || c.bytes < churnShare*total {
			break
		}
		iv := c.perWork(work)
		if iv == nil || iv.Lo < churnBytes || c.samples < churnSamples || c.kept > churnKept*c.bytes {
			continue
		}
		if slices.ContainsFunc(named, func(f Finding) bool { return f.Function == c.function }) {
			continue
		}
		out = append(out, a.churnFinding(c, iv, total))
	}
	return out
}

// churnFinding shows the largest stack through the line that allocates most.
func (a *analysis) churnFinding(c *churner, iv *stats.Interval, total float64) Finding {
	lines := make([]string, 0, len(c.lines))
	for l := range c.lines {
		lines = append(lines, l)
	}
	sort.Slice(lines, func(i, j int) bool {
		if x, y := c.lines[lines[i]], c.lines[lines[j]]; x != y {
			return x > y
		}
		return lines[i] < lines[j]
	})
	f := Finding{Kind: KindHeap, Verdict: Churn, AllocPerOp: iv, Share: c.bytes / total}
	heaviest := 0.0
	for _, s := range c.sites {
		_, _, at := pick(a.r, s.Bytes, a.w.tail)
		own := a.allocated(s, at).bytes
		if own > heaviest {
			heaviest, f.ID = own, identify(KindHeap, s.Key)
		}
		for _, st := range s.Allocated(at[0], at[len(at)-1]) {
			j := series.Culprit(st.Stack.Frames, a.cfg.Module)
			if j >= 0 && line(st.Stack.Frames[j]) == lines[0] && st.Bytes > c.most {
				c.stack, c.most = st.Stack, st.Bytes
			}
		}
		f.LiveBytes += last(s.Bytes)
		f.Count += last(s.Objects)
	}
	if len(c.sites) > 1 {
		for _, s := range c.sites {
			f.Parts = append(f.Parts, identify(KindHeap, s.Key))
		}
	}
	f.blame(c.stack, a.cfg.Module)
	f.Why = append(f.Why, fmt.Sprintf("makes %.0f %% of all that is allocated, and keeps none of it", 100*f.Share))
	if len(lines) > 1 && c.lines[lines[0]] < 0.95*c.bytes {
		var parts []string
		for i, l := range lines {
			if i == 3 || c.lines[l] < 0.05*c.bytes {
				break
			}
			parts = append(parts, fmt.Sprintf("%s %.0f %%", l[strings.LastIndexByte(l, '/')+1:], 100*c.lines[l]/c.bytes))
		}
		f.Why = append(f.Why, "by line: "+strings.Join(parts, ", "))
	}
	return f
}

// line is a frame's place.
func line(f snapshot.Frame) string {
	return fmt.Sprintf("%s:%d", strings.ReplaceAll(f.File, "\\", "/"), f.Line)
}

// observing reports that a stack is of somebody who looks at the process: what
// it allocates is not the operations'.
func observing(stack []snapshot.Frame) bool {
	return slices.ContainsFunc(stack, func(f snapshot.Frame) bool {
		switch series.Package(f.Function) {
		case "net/http/pprof", "runtime/pprof", "expvar", "github.com/prometheus/client_golang/prometheus/promhttp":
			return true
		}
		return false
	})
}
