package labrun

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
	"github.com/heapdrift/heapdrift/lab"
)

// testdata/recorded.json holds what a run of `heapdrift lab compare --all -o
// FOLDER` came to, as far as the truth is held against it. It is made anew from
// such a folder by
//
//	go test ./labrun -run Recorded -bundles FOLDER
var bundles = flag.String("bundles", "", "`FOLDER` of lab compare --all -o, to make testdata/recorded.json of")

const recordedFile = "testdata/recorded.json"

// recorded is one variant's run, cut down.
type recorded struct {
	Verdict   detect.RunVerdict
	Totals    map[string]recordedTotal // of those that are checked
	Findings  []recordedFinding
	Judged    []int64 // operations at the snapshots that were judged
	PeakBytes uint64
}

type recordedTotal struct {
	PerOp *stats.Interval
	Last  float64
}

type recordedFinding struct {
	Kind     detect.Kind
	Verdict  detect.Verdict
	Function string
	Stack    []string
	HeldBy   []detect.Holder
	Reasons  []detect.Reason
}

var checkedTotals = []string{series.LiveBytes, series.Goroutines, series.AllocatedBytes}

func record(o *report.Judged) recorded {
	r := recorded{Verdict: o.Result.Verdict, PeakBytes: o.Run.Peak.LiveBytes, Totals: map[string]recordedTotal{}}
	for _, name := range checkedTotals {
		if t := o.Result.Total(name); t != nil {
			r.Totals[name] = recordedTotal{t.In(detect.PerOp), t.Last}
		}
	}
	for _, f := range o.Result.Findings {
		kept := recordedFinding{Kind: f.Kind, Verdict: f.Verdict, Function: f.Function, HeldBy: f.HeldBy, Reasons: f.Reasons}
		for _, frame := range f.Stack {
			kept.Stack = append(kept.Stack, frame.Function)
		}
		r.Findings = append(r.Findings, kept)
	}
	for _, s := range o.Run.Snapshots {
		if o.Result.Window.Holds(s.Time) && s.Ops != nil {
			r.Judged = append(r.Judged, *s.Ops)
		}
	}
	return r
}

// again is as much of the run as was kept.
func (r recorded) again() *report.Judged {
	from := time.Unix(0, 0)
	o := &report.Judged{
		Run:    &snapshot.Run{Peak: snapshot.Peak{LiveBytes: r.PeakBytes}},
		Result: &detect.Result{Verdict: r.Verdict, Window: detect.Window{From: from, To: from.Add(time.Hour), Snapshots: len(r.Judged)}},
	}
	for _, name := range checkedTotals {
		if t, ok := r.Totals[name]; ok {
			total := detect.Total{Name: name, Last: t.Last}
			if t.PerOp != nil {
				total.Growth = perOp(*t.PerOp)
			}
			o.Result.Totals = append(o.Result.Totals, total)
		}
	}
	for _, f := range r.Findings {
		full := detect.Finding{Kind: f.Kind, Verdict: f.Verdict, Function: f.Function, HeldBy: f.HeldBy, Reasons: f.Reasons}
		for _, function := range f.Stack {
			full.Stack = append(full.Stack, snapshot.Frame{Function: function})
		}
		o.Result.Findings = append(o.Result.Findings, full)
	}
	for _, ops := range r.Judged {
		o.Run.Snapshots = append(o.Run.Snapshots, &snapshot.Snapshot{Meta: snapshot.Meta{Time: from, Ops: &ops}})
	}
	return o
}

// readRecorded returns the recorded runs, by scenario and variant.
func readRecorded(t *testing.T) map[string]map[lab.Variant]recorded {
	t.Helper()
	if *bundles != "" {
		makeRecorded(t, *bundles)
	}
	b, err := os.ReadFile(recordedFile)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[lab.Variant]recorded
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func makeRecorded(t *testing.T, folder string) {
	t.Helper()
	all := map[string]map[lab.Variant]recorded{}
	for _, sc := range lab.Scenarios() {
		all[sc.Name] = map[lab.Variant]recorded{}
		for _, v := range sc.Variants() {
			run, err := capture.Open(t.Context(), filepath.Join(folder, sc.Name, string(v)))
			if err != nil {
				t.Fatal(err)
			}
			cfg := detect.DefaultConfig()
			cfg.Clean = cleanLimit(sc.Truth, cfg.Clean)
			all[sc.Name][v] = record(&report.Judged{Run: run, Result: detect.Analyze(run, cfg)})
		}
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err == nil {
		err = os.WriteFile(recordedFile, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compared holds a scenario's recorded runs against a truth.
func compared(sc lab.Scenario, runs map[lab.Variant]recorded, truth lab.Truth) *report.Comparison {
	c := &report.Comparison{Scenario: sc.Name, Fixed: runs[lab.Fixed].again()}
	if slices.Contains(sc.Variants(), lab.Leaky) {
		c.Leaky = runs[lab.Leaky].again()
	}
	complete(c, truth, nil)
	return c
}

func TestRecordedRunsMatchTheTruth(t *testing.T) {
	t.Parallel()
	all := readRecorded(t)
	for _, sc := range lab.Scenarios() {
		runs, ok := all[sc.Name]
		if !ok {
			t.Errorf("scenario %s is not in %s: record it", sc.Name, recordedFile)
			continue
		}
		if c := compared(sc, runs, sc.Truth); !c.Pass {
			t.Errorf("scenario %s: %q", sc.Name, c.Mismatch)
		}
	}
}

// A truth that is a little wrong, in any one of the things that it states, must
// make the comparison of a recorded run fail.
func TestAWrongTruthIsNoticed(t *testing.T) {
	t.Parallel()
	all := readRecorded(t)
	rng := rand.New(rand.NewPCG(6, 2026))
	for _, sc := range lab.Scenarios() {
		sc.Truth.Leaky.Kept = remembered(sc.Truth.Leaky.Kept)
		wrongs := mutations(sc.Truth)
		if len(wrongs) == 0 {
			t.Errorf("scenario %s: nothing of its truth can be wrong", sc.Name)
		}
		for _, wrong := range wrongs {
			for range 5 {
				truth := sc.Truth
				how := wrong(&truth, rng)
				if c := compared(sc, all[sc.Name], truth); c.Pass {
					t.Errorf("scenario %s passes with a wrong truth: %s", sc.Name, how)
				}
			}
		}
	}
}

// remembered works out f once for each of its arguments; nil stays nil.
func remembered(f func(int64) float64) func(int64) float64 {
	if f == nil {
		return nil
	}
	known := map[int64]float64{}
	return func(ops int64) float64 {
		if _, ok := known[ops]; !ok {
			known[ops] = f(ops)
		}
		return known[ops]
	}
}

// mutations are ways to get one thing of a truth wrong, each by chance; they
// say what they did.
func mutations(t lab.Truth) []func(*lab.Truth, *rand.Rand) string {
	var out []func(*lab.Truth, *rand.Rand) string
	word := func(what string, at func(*lab.Truth) *string, others ...string) {
		if *at(&t) == "" {
			return
		}
		out = append(out, func(t *lab.Truth, rng *rand.Rand) string {
			was := at(t)
			from := *was
			for *was == from {
				*was = others[rng.IntN(len(others))]
			}
			return fmt.Sprintf("%s %s in place of %s", what, *was, from)
		})
	}
	frame := func(what string, at func(*lab.Truth) *string) {
		if *at(&t) == "" {
			return
		}
		out = append(out, func(t *lab.Truth, rng *rand.Rand) string {
			was := at(t)
			from := *was
			letters := []byte(from)
			letters[rng.IntN(len(letters))] = '#'
			*was = string(letters)
			return fmt.Sprintf("%s %s in place of %s", what, *was, from)
		})
	}
	// A size that is wrong by a sixth to a half, either way.
	size := func(what string, least float64, at func(*lab.Truth) *float64) {
		if *at(&t) == 0 {
			return
		}
		out = append(out, func(t *lab.Truth, rng *rand.Rand) string {
			factor := 1 + (1+2*rng.Float64())/6
			if least == 0 && rng.IntN(2) == 0 {
				factor = 1 / factor
			}
			factor = max(factor, least)
			*at(t) *= factor
			if kept := t.Leaky.Kept; kept != nil {
				t.Leaky.Kept = func(ops int64) float64 { return factor * kept(ops) }
			}
			return fmt.Sprintf("%s times %.3f", what, factor)
		})
	}
	word("the leaky verdict", func(t *lab.Truth) *string { return &t.Leaky.Run }, "leak", "clean", "inconclusive")
	word("the fixed verdict", func(t *lab.Truth) *string { return &t.Fixed.Run }, "leak", "clean", "inconclusive")
	word("the finding's verdict", func(t *lab.Truth) *string { return &t.Leaky.Finding }, "leak", "backlog", "churn", "plateau")
	frame("the place of the allocation", func(t *lab.Truth) *string { return &t.Leaky.AllocatedAt })
	frame("the place of the defect", func(t *lab.Truth) *string { return &t.Leaky.DefectAt })
	size("the bytes", 0, func(t *lab.Truth) *float64 { return &t.Leaky.BytesPerOp })
	size("the goroutines", 0, func(t *lab.Truth) *float64 { return &t.Leaky.GoroutinesPerOp })
	size("the high water", 0, func(t *lab.Truth) *float64 { return &t.Leaky.HighWater })
	// These two are bounds from below, with room.
	size("the peak", 10, func(t *lab.Truth) *float64 { return &t.Leaky.PeakTimes })
	size("the allocation", 10, func(t *lab.Truth) *float64 { return &t.Leaky.AllocatedTimes })
	return out
}

func TestMutationsAreOfEverythingThatIsStated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		want     int
	}{{"closure", 7}, {"stuckreceive", 6}, {"pool", 3}, {"sawtooth", 1}} {
		sc, err := lab.Find(c.scenario)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(mutations(sc.Truth)); got != c.want {
			var said []string
			for _, m := range mutations(sc.Truth) {
				tr := sc.Truth
				said = append(said, m(&tr, rand.New(rand.NewPCG(1, 1))))
			}
			t.Errorf("%s: %d mutations, want %d:\n%s", c.scenario, got, c.want, strings.Join(said, "\n"))
		}
	}
}
