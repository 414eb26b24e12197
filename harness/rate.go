package harness

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of arrivals a second: From when the steady phase begins,
// To at its end, linear between. The zero value is no arrivals: someone else's
// load. Warm-up runs at From.
type Rate struct {
	From, To float64 // each >= 0, finite, at most MaxRate

	// Steps, if there are any, are the rates of equally long parts of the
	// steady phase, From and To the first and the last of them.
	Steps []float64
}

// MaxRate is the largest rate that a plan may ask for, arrivals a second.
const MaxRate = 1e8

// maxSteps bounds the steps of a rate.
const maxSteps = 1000

// ParseRate reads "200", "0.5", the ramp "50..400" or the steps "100,200,400".
func ParseRate(s string) (Rate, error) {
	separator := ".."
	if strings.Contains(s, ",") {
		separator = ","
	}
	var values []float64
	for part := range strings.SplitSeq(s, separator) {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || len(values) == 2 && separator == ".." {
			return Rate{}, fmt.Errorf("rate %q: want arrivals per second as in 200, 0.5, 50..400 or 100,200,400", s)
		}
		values = append(values, v)
	}
	r := Rate{From: values[0], To: values[len(values)-1]}
	if separator == "," {
		r.Steps = values
	}
	if err := r.validate(); err != nil {
		return Rate{}, err
	}
	return r, nil
}

// Zero reports whether there are no arrivals at all.
func (r Rate) Zero() bool { return r.Max() == 0 }

// Max returns the highest rate.
func (r Rate) Max() float64 { return slices.Max(r.values()) }

// Mean returns the mean rate over the steady phase.
func (r Rate) Mean() float64 {
	sum := 0.0
	for _, v := range r.values() {
		sum += v
	}
	return sum / float64(len(r.values()))
}

// values are the steps, or the ends of the ramp.
func (r Rate) values() []float64 {
	if len(r.Steps) > 0 {
		return r.Steps
	}
	return []float64{r.From, r.To}
}

// String returns the rate as ParseRate reads it.
func (r Rate) String() string {
	if len(r.Steps) == 0 && r.From == r.To {
		return strconv.FormatFloat(r.From, 'f', -1, 64)
	}
	var parts []string
	for _, v := range r.values() {
		parts = append(parts, strconv.FormatFloat(v, 'f', -1, 64))
	}
	if len(r.Steps) > 0 {
		return strings.Join(parts, ",")
	}
	return strings.Join(parts, "..")
}

// Pacer returns the pacer of a phase of that length, of evenly spaced
// arrivals.
func (r Rate) Pacer(over time.Duration) Pacer { return r.schedule(over) }

func (r Rate) schedule(over time.Duration) schedule {
	switch {
	case len(r.Steps) > 1 && over > 0:
		return Steps{Rates: r.Steps, Over: over}
	case len(r.Steps) > 0, r.From == r.To, over <= 0:
		return Constant(r.From)
	}
	return Ramp{From: r.From, To: r.To, Over: over}
}

func (r Rate) validate() error {
	for _, v := range r.values() {
		switch {
		case math.IsNaN(v) || v < 0:
			return fmt.Errorf("rate %v: want zero or more arrivals per second", v)
		case v > MaxRate:
			return fmt.Errorf("rate %v: more than %.0f arrivals per second; no machine makes that, use a lower rate", v, float64(MaxRate))
		}
	}
	switch n := len(r.Steps); {
	case n > maxSteps:
		return fmt.Errorf("rate of %d steps: want at most %d", n, maxSteps)
	case n > 0 && (r.Steps[0] != r.From || r.Steps[n-1] != r.To):
		return fmt.Errorf("rate from %v to %v in steps from %v to %v: want the first and the last step", r.From, r.To, r.Steps[0], r.Steps[n-1])
	}
	return nil
}
