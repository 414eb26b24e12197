package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tally counts the verdicts of runs.
type tally struct{ clean, open, leak int }

func (t *tally) add(res *Result) {
	switch {
	case alarmed(res):
		t.leak++
	case res.Verdict == RunClean:
		t.clean++
	default:
		t.open++
	}
}

func (t *tally) plus(o tally) {
	t.clean, t.open, t.leak = t.clean+o.clean, t.open+o.open, t.leak+o.leak
}

func (t tally) runs() int { return t.clean + t.open + t.leak }

// String is clean / inconclusive / leak in percent.
func (t tally) String() string {
	n := float64(max(1, t.runs())) / 100
	return fmt.Sprintf("%.1f / %.1f / %.1f", float64(t.clean)/n, float64(t.open)/n, float64(t.leak)/n)
}

// leaks is the share called a leak, in percent; – without runs.
func (t tally) leaks() string {
	if t.runs() == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", 100*float64(t.leak)/float64(t.runs()))
}

// What the oracle needs: by how many standard deviations of the noise a shape must
// grow before it can be told from a leak at all. Nothing of the detector is in it.
func TestCalibrationOfSeparability(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 20)
	lengths := []int{6, 10, 20, 40, 60}
	var b strings.Builder
	b.WriteString("| told from a leak by the oracle from this growth on, standard deviations |")
	for _, n := range lengths {
		fmt.Fprintf(&b, " N = %d |", n)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(lengths)) + "\n")
	for _, f := range bentShapes() {
		if f.leak {
			continue
		}
		fmt.Fprintf(&b, "| %s |", f.name)
		for _, n := range lengths {
			r := c.source("oracle "+f.name, n)
			var needs []float64
			for len(needs) < min(c.runs, 400) {
				if x := f.run(r, n, 1); x.rho == 0 && !x.passive {
					needs = append(needs, separableFrom()/x.distance)
				}
			}
			slices.Sort(needs)
			// Nine tenths of what was drawn: a wave may be caught at a moment at which it
			// is a line.
			lo, hi := needed(needs[len(needs)/20]), needed(needs[len(needs)-1-len(needs)/20])
			if lo == hi {
				fmt.Fprintf(&b, " %s |", lo)
			} else {
				fmt.Fprintf(&b, " %s to %s |", lo, hi)
			}
		}
		b.WriteByte('\n')
	}
	c.show(&b)
}

// needed prints a number of standard deviations; beyond a thousand there is none
// that any run would show.
func needed(sd float64) string {
	if sd > 1000 {
		return "never"
	}
	return fmt.Sprintf("%.0f", sd)
}

// shapeResult is what was called what of one family, by length of run and growth.
type shapeResult struct {
	told, rest [][]tally // what the oracle tells from every leak, and what it does not
	near       []tally   // by distance from the closest leak, all lengths together
}

// distances are the bounds of shapeResult.near.
func distances() []float64 { return []float64{0, 2, separableFrom(), 6, 10, 20, math.Inf(1)} }

// A shape that the oracle tells from every leak is called one in at most 0.5 % of
// runs of each length; how often one that it cannot tell is, the table says.
// Families with a hole are those of which that is not so: their rates are printed.
func TestCalibrationOfShapes(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 8)
	perCell := max(1, c.runs*2/5)
	const allowed = 0.005
	lengths, sizes := []int{10, 20, 40, 60}, []float64{6, 12, 25, 50, 100, 200}
	all := bentShapes()
	results := make([]shapeResult, len(all))
	t.Run("families", func(t *testing.T) {
		for i, f := range all {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				results[i] = f.calibrate(c, perCell, lengths, sizes)
				for k, n := range lengths {
					told, rest := together(results[i].told[k]), together(results[i].rest[k])
					switch {
					case f.leak:
						if largest := results[i].rest[k][len(sizes)-1]; largest.leak*100 < 95*largest.runs() {
							t.Errorf("%d snapshots: growth of %.0f standard deviations is found in %s %% of runs", n, sizes[len(sizes)-1], largest.leaks())
						}
					case f.hole:
					case !c.within(told.leak, told.runs(), allowed):
						t.Errorf("%d snapshots: %s of the runs that are told from every leak are called one, want 0.5 %% (of the others %s %%)", n, share(told.leak, told.runs()), rest.leaks())
					default:
						for g, x := range results[i].told[k] {
							if float64(x.leak) > 1+2*allowed*float64(x.runs()) { // a cell alone, roughly
								t.Errorf("%d snapshots, growth of %.0f standard deviations: %s of the runs that are told from every leak are called one", n, sizes[g], share(x.leak, x.runs()))
							}
						}
					}
				}
			})
		}
	})
	c.show(shapeTable(all, results, lengths))
	c.show(growthTable(all, results, lengths, sizes))
	c.show(distanceTable(all, results))
}

// calibrate judges perCell runs of every length and growth.
func (f bent) calibrate(c calibration, perCell int, lengths []int, sizes []float64) shapeResult {
	bounds := distances()
	out := shapeResult{near: make([]tally, len(bounds)-1)}
	for _, n := range lengths {
		told, rest := make([]tally, len(sizes)), make([]tally, len(sizes))
		for g, size := range sizes {
			r := c.source(fmt.Sprintf("shapes %s %.0f", f.name, size), n)
			for range perCell {
				x := f.run(r, n, size)
				res := judge(x.Run, DefaultConfig()).res
				if separable(x.distance) {
					told[g].add(res)
				} else {
					rest[g].add(res)
				}
				i := slices.IndexFunc(bounds[1:], func(bound float64) bool { return x.distance < bound })
				out.near[i].add(res)
			}
		}
		out.told, out.rest = append(out.told, told), append(out.rest, rest)
	}
	return out
}

func together(cells []tally) (all tally) {
	for _, x := range cells {
		all.plus(x)
	}
	return all
}

// shapeTable has a row for each family: called a leak, of what the oracle tells
// from every leak and, in brackets, of what it does not; then all verdicts.
func shapeTable(all []bent, results []shapeResult, lengths []int) *strings.Builder {
	var b strings.Builder
	b.WriteString("| called a leak, % of what the oracle tells from one (and of what it cannot tell) |")
	for _, n := range lengths {
		fmt.Fprintf(&b, " N = %d |", n)
	}
	b.WriteString(" told: clean / inconclusive / leak | not told |\n|---|" + strings.Repeat("--:|", len(lengths)+2) + "\n")
	for i, f := range all {
		if results[i].told == nil {
			continue // not asked for by -run
		}
		var told, rest tally
		fmt.Fprintf(&b, "| %s |", f.name)
		for k := range lengths {
			x, y := together(results[i].told[k]), together(results[i].rest[k])
			fmt.Fprintf(&b, " %s (%s) |", x.leaks(), y.leaks())
			told.plus(x)
			rest.plus(y)
		}
		fmt.Fprintf(&b, " %s | %s |\n", told, rest)
	}
	return &b
}

// growthTable has the same by growth, a row for each family and length.
func growthTable(all []bent, results []shapeResult, lengths []int, sizes []float64) *strings.Builder {
	var b strings.Builder
	b.WriteString("| the same by growth, standard deviations | N |")
	for _, size := range sizes {
		fmt.Fprintf(&b, " %.0f |", size)
	}
	b.WriteString("\n|---|--:|" + strings.Repeat("--:|", len(sizes)) + "\n")
	for i, f := range all {
		if results[i].told == nil {
			continue
		}
		for k, n := range lengths {
			fmt.Fprintf(&b, "| %s | %d |", f.name, n)
			for g := range sizes {
				fmt.Fprintf(&b, " %s (%s) |", results[i].told[k][g].leaks(), results[i].rest[k][g].leaks())
			}
			b.WriteByte('\n')
		}
	}
	return &b
}

// distanceTable has the same by distance: how much more the detector needs than
// the oracle does.
func distanceTable(all []bent, results []shapeResult) *strings.Builder {
	var b strings.Builder
	bounds := distances()
	b.WriteString("| called a leak, % of runs at a distance from the closest leak of |")
	for i := range bounds[1:] {
		if i+2 == len(bounds) {
			fmt.Fprintf(&b, " over %.0f |", bounds[i])
		} else {
			fmt.Fprintf(&b, " %s to %s |", short(bounds[i]), short(bounds[i+1]))
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(bounds)-1) + "\n")
	for i, f := range all {
		if results[i].near == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s |", f.name)
		for _, x := range results[i].near {
			fmt.Fprintf(&b, " %s |", x.leaks())
		}
		b.WriteByte('\n')
	}
	return &b
}

func short(v float64) string { return fmt.Sprintf("%.3g", v) }

// A leak that hides behind memory that shrinks, or that grows with time and not
// with operations, must not be called clean. Nor may healthy programs that look
// like it be called a leak.
func TestCalibrationOfHiddenLeaks(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 10)
	runs := max(1, c.runs/10)
	var b strings.Builder
	lengths := []int{20, 40}
	b.WriteString("| clean / inconclusive / leak, % of runs | truth |")
	for _, n := range lengths {
		fmt.Fprintf(&b, " N = %d |", n)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("--:|", len(lengths)) + "\n")
	for _, f := range hiddenLeaks() {
		truth := "healthy"
		if f.leak {
			truth = "leak"
		}
		fmt.Fprintf(&b, "| %s | %s |", f.name, truth)
		for _, n := range lengths {
			r := c.source("hidden "+f.name, n)
			var all tally
			for range runs {
				all.add(judge(f.run(r, n), DefaultConfig()).res)
			}
			fmt.Fprintf(&b, " %s |", all)
			switch {
			case f.leak && !c.within(all.clean, all.runs(), 0.005):
				t.Errorf("%s, %d snapshots: %s are called clean, want 0.5 %%", f.name, n, share(all.clean, all.runs()))
			case !f.leak && !c.within(all.leak, all.runs(), 0.01):
				t.Errorf("%s, %d snapshots: %s are called a leak, want 1 %%", f.name, n, share(all.leak, all.runs()))
			}
		}
		b.WriteByte('\n')
	}
	c.show(&b)
}

// What healthy programs are called: a rule that makes fewer false alarms by calling
// more runs inconclusive shows here.
func TestCalibrationOfVerdicts(t *testing.T) {
	t.Parallel()
	c := calibrationOf(t, 25)
	runs := max(1, c.runs/5)
	lengths := []int{10, 20, 40, 60}
	for _, x := range []struct {
		name     string
		families []family
		run      func(family, *rand.Rand, int) simulation
		clean    []float64 // least, %: three points below what METHOD.md's table has
	}{
		{"exact totals", families(), family.healthy, []float64{36, 42, 44.5, 50}},
		{"goroutines", crowdFamilies(), family.crowd, []float64{14.5, 31, 32.5, 37.5}},
	} {
		var b strings.Builder
		fmt.Fprintf(&b, "| %s: clean / inconclusive / leak, %% of runs |", x.name)
		for _, n := range lengths {
			fmt.Fprintf(&b, " N = %d |", n)
		}
		b.WriteString("\n|---|" + strings.Repeat("--:|", len(lengths)) + "\n")
		all := make([]tally, len(lengths))
		for _, f := range x.families {
			fmt.Fprintf(&b, "| %s |", f.name)
			for k, n := range lengths {
				r := c.source("verdicts "+f.name, n)
				var cell tally
				for range runs {
					cell.add(judge(x.run(f, r, n).run(), DefaultConfig()).res)
				}
				all[k].plus(cell)
				fmt.Fprintf(&b, " %s |", cell)
			}
			b.WriteByte('\n')
		}
		b.WriteString("| **all** |")
		for k, n := range lengths {
			fmt.Fprintf(&b, " %s |", all[k])
			least := x.clean[k]
			if !c.long {
				least /= 2 // a few runs tell no more
			}
			if 100*float64(all[k].clean) < least*float64(all[k].runs()) {
				t.Errorf("%s, %d snapshots: clean / inconclusive / leak: %s %% of healthy runs, want %.1f clean", x.name, n, all[k], least)
			}
		}
		b.WriteByte('\n')
		c.show(&b)
	}
}
