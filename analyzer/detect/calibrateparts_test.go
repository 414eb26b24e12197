package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// inParts are healthy sites as parts of a quarter as many: four lines a function,
// each with its own population and size.
func inParts(r *rand.Rand, n int, rate int64) []allocSite {
	sites, _ := healthySites(r, n, rate)
	for i := range sites {
		sites[i].st = atLine(i+1, fmt.Sprintf("example.com/app.F%d", i%11), handler)
	}
	return sites
}

// Parts of sites are tested beside the sites themselves: that makes no more of healthy
// runs a leak, and a line that keeps is found beside others that let go. Four
// populations at one site are harder for the whole site than one is (a rate that
// wanders beside long lifetimes): those alarms are shown, and are not the parts'.
func TestCalibrationOfParts(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 5)
	var b strings.Builder
	b.WriteString("| eleven sites of four lines each, no counters | N = 20 | N = 40 | N = 60 |\n|---|--:|--:|--:|\n| false alarms by parts, of all |")
	for _, n := range []int{20, 40, 60} {
		r, bad, all := c.source("parts", n), 0, 0
		for range c.runs {
			j := judge(sitesAlone(n, sampling, inParts(r, n, sampling)).run(), DefaultConfig())
			if alarmed(j.res) {
				all++
			}
			if slices.ContainsFunc(j.sites, func(s *site) bool { return s.Verdict == Leak && len(s.grown) > 0 }) {
				bad++
			}
		}
		fmt.Fprintf(&b, " %s; all: %d |", share(bad, c.runs), all)
		if !c.within(bad, c.runs, 0.005) {
			t.Errorf("%d snapshots: in %s of healthy runs a part is a leak, want 0.5 %%", n, share(bad, c.runs))
		}
	}
	sizes := []float64{16, 24, 32, 64, 128}
	runs := (c.runs + 4) / 5
	b.WriteString("\n\n| one of two lines keeps: leak found at it | +16 | +24 | +32 | +64 | +128 samples |\n|---|" + strings.Repeat("--:|", len(sizes)) + "\n")
	for _, n := range []int{20, 40} {
		for _, churn := range []float64{10, 50} {
			fmt.Fprintf(&b, "| N = %d, %.0f samples at the other |", n, churn)
			for _, net := range sizes {
				r, found := c.source(fmt.Sprintf("line %.0f %.0f", churn, net), n), 0
				for range runs {
					sites := inParts(r, n, sampling)
					line := func(line int, lives []life) {
						sites = append(sites, allocSite{atLine(line, "example.com/app.Keep", handler), 2048, lives})
					}
					line(98, leakingLives(r, n, net))
					line(99, turnover(r, n, churn, 0.5, func() float64 { return 0.5 * r.ExpFloat64() }, 12))
					res := judge(sitesAlone(n, sampling, sites).run(), DefaultConfig()).res
					if f := find(res, "example.com/app.Keep"); f != nil && f.Verdict == Leak && f.Line == 98 {
						found++
					}
				}
				fmt.Fprintf(&b, " %s |", percent(found, runs))
				if net == 128 && found < runs*8/10 {
					t.Errorf("%d snapshots, %.0f samples at another line: a line that keeps 128 is found in %s of runs", n, churn, percent(found, runs))
				}
			}
			b.WriteByte('\n')
		}
	}
	c.show(&b)
}
