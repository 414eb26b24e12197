package labrun

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

// Compare measures the leaky variant, where there is one, then the fixed one,
// and checks the reports. The error is of a run that could not be judged; the
// comparison then holds what there is.
func Compare(ctx context.Context, o Options) (*report.Comparison, error) {
	sc, err := lab.Find(o.Scenario)
	if err != nil {
		return nil, &session.ConfigError{Problem: err.Error()}
	}
	c := &report.Comparison{Scenario: sc.Name}
	var undecided []string
	for _, v := range sc.Variants() {
		if ctx.Err() != nil && c.Leaky != nil {
			undecided = append(undecided, fmt.Sprintf("interrupted before the %s variant", v))
			break
		}
		part := o
		part.Variant = v
		if o.Out != "" {
			part.Out = filepath.Join(o.Out, string(v))
		}
		out, err := run(ctx, part, sc)
		if out != nil {
			judged := &report.Judged{Run: out.Run, Result: out.Result}
			if v == lab.Leaky {
				c.Leaky = judged
			} else {
				c.Fixed = judged
			}
		}
		if err == nil && out.Died != nil && out.Result.Verdict != detect.RunLeak {
			err = out.Died
		}
		if err != nil {
			complete(c, sc.Truth, append(undecided, fmt.Sprintf("%s: %v", v, err)))
			return c, fmt.Errorf("%s: %w", v, err)
		}
	}
	complete(c, sc.Truth, undecided)
	return c, nil
}

// complete holds what was run against the truth. undecided says what could not be
// run.
func complete(c *report.Comparison, t lab.Truth, undecided []string) {
	var mismatch []string
	add := func(contradicts, open []string) {
		mismatch, undecided = append(mismatch, contradicts...), append(undecided, open...)
	}
	if c.Leaky != nil {
		bytes, _ := bytesPerOp(t.Leaky, c.Leaky)
		if goroutines := t.Leaky.GoroutinesPerOp; bytes > 0 || goroutines > 0 {
			c.Truth = &report.TrueSizes{BytesPerOp: bytes, GoroutinesPerOp: goroutines}
		}
		add(check(t, lab.Leaky, c.Leaky))
	}
	if c.Fixed != nil {
		add(check(t, lab.Fixed, c.Fixed))
	}
	if c.Leaky != nil && c.Fixed != nil {
		add(checkPair(t.Leaky, c.Leaky, c.Fixed), nil)
	}
	c.Pass = len(mismatch) == 0 && len(undecided) == 0
	c.Undecided = len(mismatch) == 0 && len(undecided) > 0
	c.Mismatch = append(mismatch, undecided...)
}
