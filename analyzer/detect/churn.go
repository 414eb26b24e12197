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

// allocation is what was allocated over the judged snapshots, by sampling.
type allocation struct {
	bytes    float64
	variance float64 // of bytes: Σ k w² (1−p), as of METHOD.md, Churn
	samples  float64 // k
}

func (x *allocation) add(y allocation) {
	x.bytes, x.variance, x.samples = x.bytes+y.bytes, x.variance+y.variance, x.samples+y.samples
}

// allocated is what a site allocated between the first and the last of the given
// snapshots: sampled births, each of w = s/p bytes. Of n objects of s bytes the
// sampled k are binomial, so the estimate w·k has the variance n s² (1−p)/p, for
// which k w² (1−p) stands, p = s/w.
func (j *judgement) allocated(s *series.Site, at []int) allocation {
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

// perWork is the interval of what is allocated per operation: normal where many
// samples tell it, else that of a Poisson count of as many samples as would have
// its variance. nil where there is nothing.
func (x allocation) perWork(work float64) *Rate {
	if !(x.bytes > 0) || !(work > 0) {
		return nil
	}
	iv := stats.Interval{Estimate: x.bytes, Lo: x.bytes, Hi: x.bytes, Confidence: confidence, N: int(x.samples)}
	if k := x.bytes * x.bytes / x.variance; k < fewSamples {
		n := math.Max(1, math.Round(k))
		iv = stats.PoissonInterval(int(n), confidence).Scale(x.bytes / n)
		iv.N = int(x.samples)
	} else if x.variance > 0 {
		d := stats.NormalQuantile(0.5+confidence/2) * math.Sqrt(x.variance)
		iv.Lo, iv.Hi = x.bytes-d, x.bytes+d
	}
	return &Rate{iv.Scale(1 / work), PerOp}
}

func (j *judgement) workOver(at []int) float64 {
	if len(at) < 2 {
		return 0
	}
	return j.run.Work[at[len(at)-1]] - j.run.Work[at[0]]
}

// churner is one function of the user's and what is allocated by it and below it
// up to the next function of the user's.
type churner struct {
	function string
	allocation
	kept  float64 // bytes more in use at the end than at the start
	sites []*series.Site
	lines map[sourceLine]float64 // bytes by the culprit's
	stack *snapshot.Stack        // that allocates most
	most  float64                // of it, bytes
}

// churn names the places that allocate much per operation and keep nothing of
// it: they cost the collector, and no memory. They are counted by function, since
// one careless function mostly allocates at several lines and is called from
// several places. It is not asked of runs without a count of operations, nor of
// functions that a finding names already. What taking the snapshots allocates is
// left out, and so is what no function outside the standard library is behind.
func (j *judgement) churn(named []Finding) []Finding {
	if !j.run.HasOps {
		return nil
	}
	var all []*churner
	byFunction := map[string]*churner{}
	total, work := 0.0, 0.0
	for _, s := range j.run.Sites {
		_, y, at := j.run.Known(s.Bytes, j.run.Window.Judged)
		if len(at) < 2 || observing(s.Stack.Frames) {
			continue
		}
		work = j.workOver(at)
		x := j.allocated(s, at)
		total += x.bytes
		i := series.Culprit(s.Stack.Frames, j.cfg.Module)
		if !(x.bytes > 0) || i < 0 || series.Standard(s.Stack.Frames[i]) {
			continue
		}
		name := s.Stack.Frames[i].Function
		c := byFunction[name]
		if c == nil {
			c = &churner{function: name, lines: map[sourceLine]float64{}}
			byFunction[name] = c
			all = append(all, c)
		}
		c.add(x)
		c.kept += y[len(y)-1] - y[0]
		c.sites = append(c.sites, s)
		for _, st := range s.Allocated(at[0], at[len(at)-1]) {
			if j := series.Culprit(st.Stack.Frames, j.cfg.Module); j >= 0 {
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
		if iv == nil || iv.Lo < churnBytes || c.samples < leastChurnSample || c.kept > churnKept*c.bytes {
			continue
		}
		if slices.ContainsFunc(named, func(f Finding) bool { return f.Function == c.function }) {
			continue
		}
		out = append(out, j.churnFinding(c, iv, total))
	}
	return out
}

// churnFinding shows the largest stack through the line that allocates most.
func (j *judgement) churnFinding(c *churner, rate *Rate, total float64) Finding {
	lines := make([]sourceLine, 0, len(c.lines))
	for l := range c.lines {
		lines = append(lines, l)
	}
	sort.Slice(lines, func(i, j int) bool {
		if x, y := c.lines[lines[i]], c.lines[lines[j]]; x != y {
			return x > y
		}
		return lines[i].String() < lines[j].String()
	})
	f := Finding{Kind: KindHeap, Verdict: Churn, Allocated: rate, Share: Share(c.bytes / total)}
	heaviest := 0.0
	for _, s := range c.sites {
		_, _, at := j.run.Known(s.Bytes, j.run.Window.Judged)
		own := j.allocated(s, at).bytes
		if own > heaviest {
			heaviest, f.ID = own, identify(KindHeap, s.Key)
		}
		for _, st := range s.Allocated(at[0], at[len(at)-1]) {
			j := series.Culprit(st.Stack.Frames, j.cfg.Module)
			if j >= 0 && line(st.Stack.Frames[j]) == lines[0] && st.Bytes > c.most {
				c.stack, c.most = st.Stack, st.Bytes
			}
		}
		f.LiveBytes += Bytes(last(s.Bytes))
		f.Count += Count(last(s.Objects))
	}
	if len(c.sites) > 1 {
		for _, s := range c.sites {
			f.Parts = append(f.Parts, identify(KindHeap, s.Key))
		}
	}
	f.blame(c.stack, j.cfg.Module)
	f.because(KeepsNothing, Values{Share: float64(f.Share)})
	if len(lines) > 1 && c.lines[lines[0]] < mainLine*c.bytes {
		var parts []Part
		for i, l := range lines {
			if i == mostLines || c.lines[l] < minorLine*c.bytes {
				break
			}
			parts = append(parts, Part{File: l.file, Line: l.line, Share: c.lines[l] / c.bytes})
		}
		f.because(ChurnByLine, Values{Parts: parts})
	}
	return f
}

// sourceLine is a frame's place.
type sourceLine struct {
	file string
	line int
}

func (l sourceLine) String() string { return fmt.Sprintf("%s:%d", l.file, l.line) }

func line(f snapshot.Frame) sourceLine {
	return sourceLine{strings.ReplaceAll(f.File, "\\", "/"), f.Line}
}

// observing reports that a stack serves profiles or metrics: what it allocates is
// not the operations'.
func observing(stack []snapshot.Frame) bool {
	return slices.ContainsFunc(stack, func(f snapshot.Frame) bool {
		switch series.Package(f.Function) {
		case "net/http/pprof", "runtime/pprof", "expvar", "github.com/prometheus/client_golang/prometheus/promhttp":
			return true
		}
		return false
	})
}
