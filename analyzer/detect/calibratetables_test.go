package detect

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// percent of k in n.
func percent(k, n int) string { return fmt.Sprintf("%.1f %%", 100*float64(k)/float64(max(1, n))) }

// No healthy shape of the exact counters, and no healthy pool of goroutines, may
// be called a leak: of all runs of a length at most 1 %.
func TestCalibrationOfFalseAlarms(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 3)
	lengths := []int{10, 20, 40, 60}
	for _, x := range []struct {
		name     string
		families []family
		run      func(family, *rand.Rand, int) simulation
	}{
		{"exact totals", families(), family.healthy},
		{"goroutines", crowdFamilies(), family.crowd},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			fmt.Fprintf(&b, "| %s: false alarms, %% of %d runs each |", x.name, c.runs)
			for _, n := range lengths {
				fmt.Fprintf(&b, " N = %d |", n)
			}
			b.WriteString("\n|---|" + strings.Repeat("--:|", len(lengths)) + "\n")
			all := make([]int, len(lengths))
			for _, f := range x.families {
				fmt.Fprintf(&b, "| %s |", f.name)
				for k, n := range lengths {
					r := c.source(x.name+" "+f.name, n)
					bad := 0
					for range c.runs {
						if alarmed(judge(x.run(f, r, n).run(), DefaultConfig()).res) {
							bad++
						}
					}
					all[k] += bad
					fmt.Fprintf(&b, " %.2f |", 100*float64(bad)/float64(c.runs))
					if n >= 20 && !c.within(bad, c.runs, 0.05) {
						t.Errorf("%s, %d snapshots: %s of healthy runs are a leak", f.name, n, share(bad, c.runs))
					}
				}
				b.WriteByte('\n')
			}
			b.WriteString("| **all** |")
			for k, n := range lengths {
				runs := c.runs * len(x.families)
				fmt.Fprintf(&b, " %s |", share(all[k], runs))
				if n >= 20 && !c.within(all[k], runs, 0.01) {
					t.Errorf("%d snapshots: %s of healthy runs are a leak, want 1 %%", n, share(all[k], runs))
				}
			}
			b.WriteByte('\n')
			c.show(&b)
		})
	}
}

// The sampled path alone, without exact counters: 44 healthy sites a run.
func TestCalibrationOfSites(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 5)
	var b strings.Builder
	b.WriteString("| sampled sites, 40 stationary and 4 warm a run | N = 20 | N = 40 | N = 60 |\n|---|--:|--:|--:|\n")
	guilty := map[string]int{}
	for _, rate := range []int64{512 << 10, sampling} {
		fmt.Fprintf(&b, "| any false alarm, one in %d KiB |", rate>>10)
		for _, n := range []int{20, 40, 60} {
			r := c.source(fmt.Sprintf("sites %d", rate), n)
			bad := 0
			for range c.runs {
				sites, kinds := healthySites(r, n, rate)
				res := judge(sitesAlone(n, rate, sites).run(), DefaultConfig()).res
				if alarmed(res) {
					bad++
				}
				for _, f := range res.Findings {
					if f.Verdict == Leak {
						guilty[kinds[f.Function]]++
					}
				}
			}
			fmt.Fprintf(&b, " %s |", share(bad, c.runs))
			if !c.within(bad, c.runs, 0.01) {
				t.Errorf("one in %d KiB, %d snapshots: %s of healthy runs have a leaking site, want 1 %%", rate>>10, n, share(bad, c.runs))
			}
		}
		b.WriteByte('\n')
	}
	for _, name := range slices.Sorted(maps.Keys(guilty)) {
		fmt.Fprintf(&b, "\nalarms at: %s %d", name, guilty[name])
	}
	b.WriteByte('\n')
	c.show(&b)
}

// How large a leak must be to be found and named on the sampled path alone,
// among 43 healthy sites; wrong is a leak at any other site.
func TestCalibrationOfSiteRecall(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 20)
	c.runs = (c.runs + 19) / 20
	sizes := []float64{8, 16, 24, 32, 64, 128}
	var b strings.Builder
	b.WriteString("| sampled sites: leak found and named | +8 | +16 | +24 | +32 | +64 | +128 samples |\n|---|" + strings.Repeat("--:|", len(sizes)) + "\n")
	for _, n := range []int{20, 40} {
		for _, churn := range []float64{0, 10, 50} {
			fmt.Fprintf(&b, "| N = %d, %.0f other samples at the site |", n, churn)
			for _, net := range sizes {
				r := c.source(fmt.Sprintf("recall %.0f %.0f", churn, net), n)
				found, wrong := 0, 0
				for range c.runs {
					sites, _ := healthySites(r, n, sampling)
					keep := allocSite{at(99, "example.com/app.Keep", handler), 2048, leakingLives(r, n, net)}
					keep.lives = append(keep.lives, turnover(r, n, churn, 0.5, func() float64 { return 0.5 * r.ExpFloat64() }, 12)...)
					sites[0] = keep
					for _, f := range judge(sitesAlone(n, sampling, sites).run(), DefaultConfig()).res.Findings {
						switch {
						case f.Verdict != Leak:
						case f.Function == "example.com/app.Keep":
							found++
						default:
							wrong++
						}
					}
				}
				fmt.Fprintf(&b, " %s |", percent(found, c.runs))
				if churn == 0 && net == 128 && found < c.runs*8/10 {
					t.Errorf("%d snapshots: a clean site that keeps 128 samples is found in %s of runs", n, percent(found, c.runs))
				}
				if !c.within(wrong, c.runs, 0.05) {
					t.Errorf("%d snapshots: another site is blamed in %s", n, share(wrong, c.runs))
				}
			}
			b.WriteByte('\n')
		}
	}
	c.show(&b)
}

// How large a leak of the exact totals must be, in standard deviations of the
// noise over the judged snapshots, and of goroutines in a pool that breathes by
// two.
func TestCalibrationOfRecall(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 10)
	c.runs = (c.runs + 4) / 5
	sizes := []float64{3, 6, 12, 25, 50, 100}
	var b strings.Builder
	b.WriteString("| exact totals: leak found, growth in standard deviations | 3 | 6 | 12 | 25 | 50 | 100 |\n|---|" + strings.Repeat("--:|", len(sizes)) + "\n")
	for _, n := range []int{10, 20, 40} {
		for _, rho := range []float64{0, 0.5, 0.8} {
			fmt.Fprintf(&b, "| N = %d, neighbours correlate by %.1f |", n, rho)
			for _, size := range sizes {
				r := c.source(fmt.Sprintf("totals %.1f %.0f", rho, size), n)
				found := 0
				for range c.runs {
					const sd = 50_000
					if judge(keeping(r, n, size*sd/10_000, sd, rho).run(), DefaultConfig()).res.Verdict == RunLeak {
						found++
					}
				}
				fmt.Fprintf(&b, " %s |", percent(found, c.runs))
				if size == 100 && rho == 0 && found < c.runs*9/10 {
					t.Errorf("%d snapshots: growth of 100 standard deviations is found in %s of runs", n, percent(found, c.runs))
				}
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString("\n| goroutines: leak found, growth over the run | +8 | +16 | +32 | +64 | +128 | +256 |\n|---|" + strings.Repeat("--:|", len(sizes)) + "\n")
	for _, n := range []int{10, 20, 40} {
		fmt.Fprintf(&b, "| N = %d, blocked on a channel |", n)
		for _, size := range []float64{8, 16, 32, 64, 128, 256} {
			r := c.source(fmt.Sprintf("goroutines %.0f", size), n)
			found := 0
			for range c.runs {
				y := make([]float64, n)
				kept := 0.0
				for i := range y {
					y[i] = kept + 10 + 0.5*r.NormFloat64()
					kept += float64(draw(r, size/float64(n-1)))
				}
				s := simulation{steady: n, ops: 10_000, bytes: curve(n, 20, linear(0)), objects: curve(n, 1, linear(0)), stacks: crowds(receiving, y)}
				if f := find(judge(s.run(), DefaultConfig()).res, "example.com/app.Start.func1"); f != nil && f.Verdict == Leak {
					found++
				}
			}
			fmt.Fprintf(&b, " %s |", percent(found, c.runs))
			if size == 256 && found < c.runs*9/10 {
				t.Errorf("%d snapshots: 256 goroutines more are found in %s of runs", n, percent(found, c.runs))
			}
		}
		b.WriteByte('\n')
	}
	c.show(&b)
}

// What the caution of repeated looks costs: at which snapshot a leak is
// confirmed.
func TestCalibrationOfLooksRecall(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 4)
	c.runs = (c.runs + 19) / 20
	var b strings.Builder
	b.WriteString("| looks at every snapshot from 8 to 60: growth between two, in standard deviations | 0.2 | 0.5 | 1 | 3 | 10 | 100 |\n|---|--:|--:|--:|--:|--:|--:|\n")
	sizes := []float64{0.2, 0.5, 1, 3, 10, 100}
	confirmed, median, first := "| confirmed |", "| at snapshot (median) |", "| a single judgement would have found it at |"
	for _, size := range sizes {
		r := c.source(fmt.Sprintf("looks recall %.1f", size), 60)
		var when, alone []int
		for range c.runs {
			const sd = 20_000
			s := keeping(r, 60, size*sd*59/10_000, sd, 0)
			if k := watched(s, 8, false); k > 0 {
				when = append(when, k)
			}
			if k := watched(s, 8, true); k > 0 {
				alone = append(alone, k)
			}
		}
		middle := func(v []int) string {
			if len(v)*2 <= c.runs {
				return "–"
			}
			sort.Ints(v)
			return fmt.Sprint(v[(c.runs-1)/2])
		}
		confirmed += " " + percent(len(when), c.runs) + " |"
		median += " " + middle(when) + " |"
		first += " " + middle(alone) + " |"
		if size >= 10 && len(when) < c.runs {
			t.Errorf("growth of %.0f standard deviations a snapshot is confirmed in %d of %d runs", size, len(when), c.runs)
		}
	}
	b.WriteString(confirmed + "\n" + median + "\n" + first + "\n")
	c.show(&b)
}

// Two runs of one healthy program do not differ: at most 1 % of pairs may be
// called better or worse, and a leak that is mended is called so.
func TestCalibrationOfCompare(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 2)
	c.runs = (c.runs + 9) / 10
	var b strings.Builder
	b.WriteString("| two runs of one healthy program | better | worse | same | unknown |\n|---|--:|--:|--:|--:|\n")
	const n = 20
	words := map[Change]int{}
	pairs := 0
	for _, f := range families() {
		r := c.source("compare "+f.name, n)
		for range c.runs {
			x := compareRuns(f.healthy(r, n).run(), f.healthy(r, n).run()).Change
			words[x]++
			pairs++
		}
	}
	fmt.Fprintf(&b, "| %d families | %s | %s | %s | %s |\n", len(families()), share(words[Better], pairs), share(words[Worse], pairs), percent(words[Same], pairs), percent(words[Undecided], pairs))
	if !c.within(words[Better]+words[Worse], pairs, 0.01) {
		t.Errorf("of %d healthy pairs %v", pairs, words)
	}
	b.WriteString("\n| a leak of some B/op is halved, noise of 20 kB, 10,000 operations | 10 | 20 | 50 | 200 |\n|---|--:|--:|--:|--:|\n| called better |")
	for _, perOp := range []float64{10, 20, 50, 200} {
		r := c.source("halved", int(perOp))
		found := 0
		for range c.runs {
			if compareRuns(keeping(r, n, perOp, 20_000, 0).run(), keeping(r, n, perOp/2, 20_000, 0).run()).Change == Better {
				found++
			}
		}
		fmt.Fprintf(&b, " %s |", percent(found, c.runs))
		if perOp == 200 && found < c.runs*9/10 {
			t.Errorf("%.0f B/op halved is better in %s", perOp, percent(found, c.runs))
		}
	}
	b.WriteByte('\n')
	c.show(&b)
}

// compareRuns compares without what takes simulation in Analyze.
func compareRuns(x, y *snapshot.Run) *Comparison {
	cfg := DefaultConfig()
	c := &comparison{cfg: cfg, a: judge(x, cfg), b: judge(y, cfg)}
	c.all()
	c.out.Before, c.out.After = c.a.res, c.b.res
	return c.out
}
