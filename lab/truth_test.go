package lab

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// Each variant is loaded in a process of its own, and what it keeps is read
// from the exact counters: the truth is measured, not only computed.
func TestTheTruthIsTrue(t *testing.T) {
	if raceDetector {
		t.Skip("measured without the race detector")
	}
	const warmup, window = 300, 377
	for _, s := range Scenarios() {
		for _, v := range []Variant{Leaky, Fixed} {
			t.Run(s.Name+" "+string(v), func(t *testing.T) {
				t.Parallel()
				c := startChild(t, s.Name, v, DefaultMaxHeap)
				if err := c.load(t.Context(), s, 0, warmup); err != nil {
					t.Fatalf("%v\n%s", err, &c.stderr)
				}
				before := c.counters(t)
				if err := c.load(t.Context(), s, warmup, warmup+window); err != nil {
					t.Fatalf("%v\n%s", err, &c.stderr)
				}
				after := c.counters(t)
				if err := c.stop(); err != nil {
					t.Errorf("the child ended with %v\n%s", err, &c.stderr)
				}
				kept := (after.heap - before.heap) / window
				goroutines := (after.goroutines - before.goroutines) / window
				t.Logf("%.1f B/op, %.4f goroutines/op; truth of the leaky one: %.1f, %g", kept, goroutines, s.Truth.Leaky.BytesPerOp, s.Truth.Leaky.GoroutinesPerOp)
				truth := s.Truth.Leaky
				if v == Fixed {
					truth = LeakyTruth{}
				}
				// A fixed variant may not keep a twentieth of the leaky one.
				if tolerance := 0.05 * s.Truth.Leaky.BytesPerOp; tolerance > 0 && math.Abs(kept-truth.BytesPerOp) > tolerance {
					t.Errorf("keeps %.1f B/op, the truth is %.1f ± %.1f", kept, truth.BytesPerOp, tolerance)
				}
				if math.Abs(goroutines-truth.GoroutinesPerOp) > 0.02 {
					t.Errorf("keeps %.4f goroutines/op, the truth is %g", goroutines, truth.GoroutinesPerOp)
				}
			})
		}
	}
}

// The frames that the truth names are looked for in the child's own profiles.
func TestTheTruthNamesFramesThatAreThere(t *testing.T) {
	if raceDetector {
		t.Skip("measured without the race detector")
	}
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			c := startChild(t, s.Name, Leaky, DefaultMaxHeap)
			if err := c.load(t.Context(), s, 0, 200); err != nil {
				t.Fatalf("%v\n%s", err, &c.stderr)
			}
			profile := c.get(t, "/goroutine?debug=1")
			if s.Kind == "heap" {
				profile = c.get(t, "/heap?gc=1&debug=1")
			}
			if err := c.stop(); err != nil {
				t.Error(err)
			}
			for _, stack := range strings.Split(profile, "\n\n") {
				if strings.Contains(stack, s.Truth.Leaky.AllocatedAt) && strings.Contains(stack, s.Truth.Leaky.DefectAt) {
					return
				}
			}
			t.Errorf("no stack has both %s and %s:\n%s", s.Truth.Leaky.AllocatedAt, s.Truth.Leaky.DefectAt, profile)
		})
	}
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
		for _, key := range []string{"run", "finding", "kind", "allocated_at", "defect_at"} {
			if text, ok := s.Truth.Leaky[key].(string); !ok || text == "" {
				t.Errorf("scenario %q: the truth lacks %s", s.Name, key)
			}
		}
		for _, key := range []string{"bytes_per_op", "goroutines_per_op"} {
			if v, ok := s.Truth.Leaky[key]; ok && v.(float64) <= 0 {
				t.Errorf("scenario %q: %s is %v; what is not stated is left out", s.Name, key, v)
			}
		}
		if s.Truth.Leaky["kind"] != s.Kind {
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
