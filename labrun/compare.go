package labrun

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

// Comparison is a scenario's runs held against its truth.
type Comparison struct {
	Scenario string
	Leaky    *session.Outcome // nil for a control
	Fixed    *session.Outcome // nil if it was interrupted before
	// Pass: the reports match the truth. Undecided: none contradicts it, but
	// one does not decide; Open says what, in sentences.
	Pass      bool
	Undecided bool
	Mismatch  []string // what contradicts the truth, in sentences
	Open      []string
	// TrueBytes and TrueGoroutines, per operation, are what the leaky variant
	// was held against; 0 where the truth states none.
	TrueBytes, TrueGoroutines float64
}

// Compare measures the leaky variant, where there is one, then the fixed one,
// and checks the reports. The error is of a run that could not be judged; the
// comparison then holds what there is.
func Compare(ctx context.Context, o Options) (*Comparison, error) {
	sc, err := lab.Find(o.Scenario)
	if err != nil {
		return nil, &session.ConfigError{Problem: err.Error()}
	}
	cmp := &Comparison{Scenario: sc.Name}
	for _, v := range sc.Variants() {
		if ctx.Err() != nil && cmp.Leaky != nil {
			cmp.Open = append(cmp.Open, fmt.Sprintf("interrupted before the %s variant", v))
			break
		}
		part := o
		part.Variant = v
		if o.Out != "" {
			part.Out = filepath.Join(o.Out, string(v))
		}
		out, err := run(ctx, part, sc)
		if v == lab.Leaky {
			cmp.Leaky = out
		} else {
			cmp.Fixed = out
		}
		if err == nil && out.Died != nil && out.Result.Verdict != detect.RunLeak {
			err = out.Died
		}
		if err != nil {
			cmp.Open = append(cmp.Open, fmt.Sprintf("%s: %v", v, err))
			cmp.check(sc.Truth)
			return cmp, fmt.Errorf("%s: %w", v, err)
		}
	}
	cmp.check(sc.Truth)
	return cmp, nil
}

func judged(o *session.Outcome) bool { return o != nil && o.Result != nil }

// check holds what was run against the truth.
func (c *Comparison) check(t lab.Truth) {
	add := func(mismatch, open []string) {
		c.Mismatch = append(c.Mismatch, mismatch...)
		c.Open = append(c.Open, open...)
	}
	if judged(c.Leaky) {
		c.TrueBytes, _ = bytesPerOp(t.Leaky, c.Leaky.Run)
		c.TrueGoroutines = t.Leaky.GoroutinesPerOp
		add(check(t, lab.Leaky, c.Leaky))
	}
	if judged(c.Fixed) {
		add(check(t, lab.Fixed, c.Fixed))
	}
	if judged(c.Leaky) && judged(c.Fixed) {
		add(checkPair(t.Leaky, c.Leaky, c.Fixed), nil)
	}
	c.Pass = len(c.Mismatch) == 0 && len(c.Open) == 0
	c.Undecided = len(c.Mismatch) == 0 && len(c.Open) > 0
}
