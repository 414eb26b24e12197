package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// counted is a run of n snapshots under load and drain ones after it whose exact
// counters are what the sites hold, give or take sd bytes.
func counted(r *rand.Rand, n, drain int, sd float64, sites []allocSite) simulation {
	s := simulation{steady: n, drain: drain, phased: true, ops: 100_000, heap: serve(n+drain, sampling, sites), bytes: make([]float64, n), objects: make([]float64, n)}
	for i, h := range s.heap[:n] {
		for _, x := range h.Samples {
			s.bytes[i] += float64(x.InuseBytes)
			s.objects[i] += float64(x.InuseObjects)
		}
		s.bytes[i] += sd * r.NormFloat64()
	}
	return s
}

// between are count lives that begin at even distances from a to b and end after
// lasting snapshots.
func between(a, b float64, count int, lasting float64) []life {
	out := make([]life, count)
	for i := range out {
		out[i].born = a + (b-a)*float64(i)/float64(count)
		out[i].freed = out[i].born + lasting
	}
	return out
}

// ending are count lives that were there at the start and end at even distances
// from a to b.
func ending(a, b float64, count int) []life {
	out := make([]life, count)
	for i := range out {
		out[i] = life{-1, a + (b-a)*float64(i)/float64(count)}
	}
	return out
}

// A total that falls or stays hides a site that grows: the run is not clean.
func TestAFallingTotalDoesNotHideASiteThatGrows(t *testing.T) {
	t.Parallel()
	const n, drain = 20, 3
	const grows, shrinks = "example.com/app.Grow", "example.com/app.Shrink"
	site := func(name string, lives []life) allocSite { return allocSite{at(1, name, handler), 1024, lives} }
	kept := between(0, n, 300, forever)
	var dying []life
	for i, x := range kept {
		if i%10 == 0 {
			x.freed = x.born + 1
		}
		dying = append(dying, x)
	}
	var flushed []life
	for _, x := range kept {
		flushed = append(flushed, life{x.born, n + 0.5})
	}
	for _, c := range []struct {
		name  string
		grows []life
		loses int
		run   RunVerdict
		want  Code // of the site; empty: it is no finding
	}{
		{"the total falls", kept, 600, RunInconclusive, MaskedByOthers},
		{"the total stays", kept, 300, RunInconclusive, MaskedByOthers},
		{"the total falls, but one in ten of the site's objects dies", dying, 600, RunClean, ""},
		{"the total falls, and the drain takes what the site gained", flushed, 600, RunClean, ""},
		{"nothing shrinks: the total leaks", kept, 0, RunLeak, PassesAllTests},
	} {
		sites := []allocSite{site(grows, c.grows), site(shrinks, append(ending(0, n, c.loses), between(-1, 0, 20, forever)...))}
		res := Analyze(counted(seeded(c.name, n), n, drain, 2e3, sites).run(), DefaultConfig())
		f := find(res, grows)
		if res.Verdict != c.run || (f != nil) != (c.want != "") || f != nil && !says(f.Reasons, Reason{Code: c.want}) {
			t.Errorf("%s: %q, finding %+v; want %q, %q", c.name, res.Verdict, f, c.run, c.want)
			continue
		}
		if r := reason(findingReasons(f), MaskedByOthers); c.want == MaskedByOthers && (f.Verdict != Suspect || r.Values.Function != shrinks || r.Values.N != 1 || !(r.Values.Rate > 0)) {
			t.Errorf("%s: %q, %+v; want a suspect that %s masks", c.name, f.Verdict, r, shrinks)
		}
	}
}

func findingReasons(f *Finding) []Reason {
	if f == nil {
		return nil
	}
	return f.Reasons
}

// swaps are healthy programs in which memory moves between sites while the exact
// total stays: some of them move it for as long as the run lasts.
func swaps() []move {
	return []move{
		{"a cache bounded by bytes serves other things than before", func(r *rand.Rand, n int) (a, b []life) {
			k := 50 + r.IntN(400)
			return ending(0, float64(n), k), between(0, float64(n), k, forever)
		}},
		{"two buffers in turn", func(r *rand.Rand, n int) (a, b []life) {
			period := spread(r, 2, float64(n)/2)
			k := 50 + r.IntN(400)
			for t := -period; t < float64(n); t += 2 * period {
				a = append(a, between(t, t+0.1*period, k, period)...)
				b = append(b, between(t+period, t+1.1*period, k, period)...)
			}
			return a, b
		}},
		{"a table that is rehashed into another one", func(r *rand.Rand, n int) (a, b []life) {
			k, from := 50+r.IntN(400), float64(n)*r.Float64()
			to := from + spread(r, 0.5, float64(n)/3)
			return ending(from, to, k), between(from, to, k, forever)
		}},
		{"an LRU cache under two kinds of requests, one more and more frequent", func(r *rand.Rand, n int) (a, b []life) {
			full := spread(r, 1, float64(n)/3)
			for range draw(r, 300/full*float64(n)) {
				t := -full + (float64(n)+full)*r.Float64()
				x := life{t, t + full}
				if r.Float64() < 0.1+0.8*math.Max(0, t)/float64(n) {
					b = append(b, x)
				} else {
					a = append(a, x)
				}
			}
			return a, b
		}},
	}
}

// move is what two sites hold in turn.
type move struct {
	name  string
	lives func(r *rand.Rand, n int) (a, b []life)
}

// How often healthy programs under an exact total that does not grow are not clean
// for a site that others mask, and that a leak so masked never is clean.
func TestCalibrationOfMaskedSites(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 6)
	var b strings.Builder
	fmt.Fprintf(&b, "| a site beside others that shrink, N = 20 | masked | leak | clean |\n|---|--:|--:|--:|\n")
	const n, drain = 20, 3
	type outcome struct{ masked, leak, clean int }
	row := func(name string, sites func(r *rand.Rand) []allocSite) (o outcome) {
		r := c.source("masked/"+name, n)
		for range c.runs {
			res := judge(counted(r, n, drain, 2e3, sites(r)).run(), DefaultConfig()).res
			for _, f := range res.Findings {
				if says(f.Reasons, Reason{Code: MaskedByOthers}) {
					o.masked++
					break
				}
			}
			switch res.Verdict {
			case RunLeak:
				o.leak++
			case RunClean:
				o.clean++
			}
		}
		percent := func(k int) float64 { return 100 * float64(k) / float64(c.runs) }
		fmt.Fprintf(&b, "| %s | %.1f %% | %.1f %% | %.1f %% |\n", name, percent(o.masked), percent(o.leak), percent(o.clean))
		return o
	}
	healthy := row("44 healthy sites, stationary and warm", func(r *rand.Rand) []allocSite {
		all, _ := healthySites(r, n+drain, sampling)
		return all
	})
	if !c.within(healthy.masked, c.runs, 0.01) {
		t.Errorf("healthy sites: %s masked", share(healthy.masked, c.runs))
	}
	for _, m := range swaps() {
		leaks := row(m.name, func(r *rand.Rand) []allocSite {
			x, y := m.lives(r, n+drain)
			return []allocSite{{at(1, "example.com/app.A", handler), 1024, x}, {at(2, "example.com/app.B", handler), 1024, y}}
		})
		if !c.within(leaks.leak, c.runs, 0.01) {
			t.Errorf("%s: %s called a leak", m.name, share(leaks.leak, c.runs))
		}
	}
	for _, loses := range []float64{1, 2, 5} {
		leaks := row(fmt.Sprintf("a leak, and a site that loses %g times as much", loses), func(r *rand.Rand) []allocSite {
			k := 100 + r.IntN(300)
			return []allocSite{
				{at(1, "example.com/app.A", handler), 1024, leakingLives(r, n+drain, float64(k))},
				{at(2, "example.com/app.B", handler), 1024, append(ending(0, n+drain, int(loses*1.5*float64(k))), between(-1, 0, 20, forever)...)},
			}
		})
		if !c.within(leaks.clean, c.runs, 0.02) {
			t.Errorf("a leak masked by %g times its size: clean in %s", loses, share(leaks.clean, c.runs))
		}
	}
	c.show(&b)
}
