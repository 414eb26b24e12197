package lab

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// share is how far what a variant keeps may be from the truth, as a part of what
// the leaky one keeps; settles, in bytes, is more than twice what the service
// itself was seen to settle by, which must not be taken for it.
const (
	share   = 0.05
	settles = 60_000
)

// Each variant is loaded in a process of its own, and what it keeps is read
// from the exact counters: the truth is measured, not only computed.
func TestTheTruthIsTrue(t *testing.T) {
	if raceDetector {
		t.Skip("measured without the race detector")
	}
	for _, s := range Scenarios() {
		warmup, window := int64(300), int64(meanOver)
		if size := s.Truth.Leaky.BytesPerOp; size > 0 && share*size*float64(window) < settles {
			// Whole rounds of the store, which goes up and down with each 256.
			warmup, window = 512, 256*int64(math.Ceil(settles/(share*size*256)))
		}
		for _, v := range s.Variants() {
			if s.Truth.Leaky.BytesPerOp == 0 && s.Truth.Leaky.GoroutinesPerOp == 0 {
				continue // nothing is kept with each operation: such a scenario has a test of its own
			}
			t.Run(s.Name+" "+string(v), func(t *testing.T) {
				t.Parallel()
				c := startChild(t, s.Name, v, DefaultMaxHeap)
				if err := c.load(t.Context(), s, 0, warmup); err != nil {
					t.Fatalf("%v\n%s", err, &c.stderr)
				}
				c.counters(t) // the first look leaves something behind
				before := c.counters(t)
				if err := c.load(t.Context(), s, warmup, warmup+window); err != nil {
					t.Fatalf("%v\n%s", err, &c.stderr)
				}
				after := c.counters(t)
				if v == Leaky && s.Truth.Leaky.Finding == "leak" {
					checkFrames(t, c, s.Truth.Leaky)
				}
				if err := c.stop(); err != nil {
					t.Errorf("the child ended with %v\n%s", err, &c.stderr)
				}
				kept := (after.heap - before.heap) / float64(window)
				goroutines := (after.goroutines - before.goroutines) / float64(window)
				truth := s.Truth.Leaky
				if truth.Kept != nil {
					truth.BytesPerOp = (truth.Kept(warmup+window) - truth.Kept(warmup)) / float64(window)
				}
				size := truth.BytesPerOp
				t.Logf("%.1f B/op, %.4f goroutines/op; truth of the leaky one: %.1f, %g", kept, goroutines, size, truth.GoroutinesPerOp)
				if v == Fixed {
					truth = LeakyTruth{}
				}
				// A fixed variant may not keep a twentieth of the leaky one.
				if tolerance := share * size; tolerance > 0 && math.Abs(kept-truth.BytesPerOp) > tolerance {
					t.Errorf("keeps %.1f B/op, the truth is %.1f ± %.1f", kept, truth.BytesPerOp, tolerance)
				}
				if math.Abs(goroutines-truth.GoroutinesPerOp) > 0.02*max(1, truth.GoroutinesPerOp) {
					t.Errorf("keeps %.4f goroutines/op, the truth is %g", goroutines, truth.GoroutinesPerOp)
				}
			})
		}
	}
}

// checkFrames looks in the child's own profile for a stack that has what the
// truth names.
func checkFrames(t *testing.T, c *child, truth LeakyTruth) {
	t.Helper()
	profile := c.get(t, "/goroutine?debug=1")
	if truth.Kind == "heap" {
		profile = c.get(t, "/heap?gc=1&debug=1")
	}
	for stack := range strings.SplitSeq(profile, "\n\n") {
		if strings.Contains(stack, truth.AllocatedAt) && strings.Contains(stack, truth.DefectAt) {
			return
		}
	}
	t.Errorf("no stack has both %s and %s:\n%s", truth.AllocatedAt, truth.DefectAt, profile)
}

func TestSizesAreThoseOfTheAllocator(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{1: 8, 24: 24, 25: 32, 8192: 8192, 8193: 9472, 40000: 40960} {
		if got := allocated(n); got != want {
			t.Errorf("%d bytes take %d, want %d", n, got, want)
		}
	}
}

func TestTheListAsJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(Scenarios())
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name, Kind, Story string
		Truth             struct {
			Leaky map[string]any
			Fixed map[string]string
		}
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range list {
		if names[s.Name] || s.Story == "" || s.Truth.Fixed["run"] != "clean" {
			t.Errorf("scenario %q: twice, without a story, or its fixed run is %q", s.Name, s.Truth.Fixed["run"])
		}
		names[s.Name] = true
		if (s.Kind == KindControl) != (s.Truth.Leaky == nil) {
			t.Errorf("scenario %q of kind %s has the leaky truth %v: controls have none, all others one", s.Name, s.Kind, s.Truth.Leaky)
		}
		if s.Kind == KindControl {
			continue
		}
		keys := []string{"run", "finding", "kind", "allocated_at", "defect_at"}
		if s.Truth.Leaky["finding"] == nil {
			keys = keys[:1] // told from the fixed one by what it needs
			if s.Truth.Leaky["peak_times"] == nil && s.Truth.Leaky["allocated_times"] == nil && s.Truth.Leaky["high_water_bytes"] == nil {
				t.Errorf("scenario %q: nothing tells the leaky variant from the fixed one", s.Name)
			}
		}
		for _, key := range keys {
			if text, ok := s.Truth.Leaky[key].(string); !ok || text == "" {
				t.Errorf("scenario %q: the truth lacks %s", s.Name, key)
			}
		}
		for _, key := range []string{"bytes_per_op", "goroutines_per_op"} {
			if v, ok := s.Truth.Leaky[key]; ok && v.(float64) <= 0 {
				t.Errorf("scenario %q: %s is %v; what is not stated is left out", s.Name, key, v)
			}
		}
		if (s.Kind == KindHeap || s.Kind == KindGoroutine) && s.Truth.Leaky["kind"] != s.Kind {
			t.Errorf("scenario %q is of kind %s, its finding of kind %v", s.Name, s.Kind, s.Truth.Leaky["kind"])
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	if s, err := Find("subslice"); err != nil || s.Name != "subslice" {
		t.Errorf("Find(subslice) = %q, %v", s.Name, err)
	}
	if _, err := Find("nothing"); err == nil || !strings.Contains(err.Error(), "closure, subslice") {
		t.Errorf("the error does not list the scenarios: %v", err)
	}
}

func TestBodiesAreFreshAndRepeatable(t *testing.T) {
	t.Parallel()
	for _, s := range Scenarios() {
		first, again := s.Body(7), s.Body(7)
		if !bytes.Equal(first, again) || s.Document(7).ID == s.Document(8).ID {
			t.Errorf("scenario %s: operation 7 differs from itself, or has the id of 8", s.Name)
		}
	}
}
