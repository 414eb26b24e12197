package labrun

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

func TestScenariosRunSideBySide(t *testing.T) {
	t.Parallel()
	var all []Options
	var running, most atomic.Int32
	names := []string{"burst", "nothing", "sawtooth"} // two controls: a run each
	for _, name := range names {
		var began bool
		all = append(all, Options{Scenario: name, Plan: brief(), Progress: func(lab.Variant, session.Event) {
			if !began {
				began = true
				if n := running.Add(1); n > most.Load() {
					most.Store(n)
				}
			}
		}})
	}
	var order []string
	CompareAll(t.Context(), all, 2, func(i int, c *report.Comparison, err error) {
		order = append(order, names[i])
		if names[i] == "nothing" {
			var mistake *session.ConfigError
			if c != nil || !errors.As(err, &mistake) {
				t.Errorf("a scenario that is not there: %v, %v", c, err)
			}
			return
		}
		running.Add(-1)
		if err != nil || c.Leaky != nil || c.Fixed == nil || c.Fixed.Result == nil {
			t.Errorf("%s: %+v, %v", names[i], c, err)
		}
	})
	slices.Sort(order)
	if !slices.Equal(order, names) || most.Load() != 2 {
		t.Errorf("ran %q, %d at once at most; want each once, 2 at once", order, most.Load())
	}
}

func TestAnInterruptBeginsNoMoreScenarios(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	all := []Options{
		{Scenario: "stuckreceive", Plan: brief(), Progress: func(_ lab.Variant, e session.Event) {
			if e.Snapshots >= 8 {
				interrupt()
			}
		}},
		{Scenario: "closure", Plan: brief()},
	}
	CompareAll(ctx, all, 1, func(i int, c *report.Comparison, err error) {
		if i != 0 || err != nil || c.Leaky == nil || c.Fixed != nil || !c.Undecided {
			t.Errorf("scenario %d ended as %+v, %v; want the leaky half of the first, undecided", i, c, err)
		}
	})
	if ctx.Err() == nil {
		t.Error("it was never interrupted")
	}
}

func TestTheLongestScenarioIsBegunFirst(t *testing.T) {
	t.Parallel()
	all := make([]Options, 4)
	for i, steady := range []time.Duration{2, 9, 2, 5} {
		all[i] = Options{Scenario: "none of that name"}
		all[i].Plan.Steady = steady * time.Second
	}
	var order []int
	CompareAll(t.Context(), all, 1, func(i int, _ *report.Comparison, _ error) { order = append(order, i) })
	if want := []int{1, 3, 0, 2}; !slices.Equal(order, want) {
		t.Errorf("scenarios began in the order %d, want %d", order, want)
	}
}
