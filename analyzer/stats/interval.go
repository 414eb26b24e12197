// Package stats holds the statistics of the verdict: floats in, floats out. No
// function here knows what is measured. Each says its formula, its source, its
// assumptions and what it does with ties and with too little data.
package stats

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// Interval is an estimate with the bounds that contain the true value with
// probability Confidence, from N observations. Bounds may be infinite where
// the data say nothing.
type Interval struct {
	Estimate, Lo, Hi float64
	Confidence       float64 // in (0, 1)
	N                int
}

// Scale multiplies an interval by k; a negative k swaps the bounds.
func (i Interval) Scale(k float64) Interval {
	i.Estimate *= k
	i.Lo, i.Hi = i.Lo*k, i.Hi*k
	if k < 0 {
		i.Lo, i.Hi = i.Hi, i.Lo
	}
	return i
}

// Finite reports that all three numbers can be printed.
func (i Interval) Finite() bool { return Finite(i.Estimate, i.Lo, i.Hi) }

// IsZero reports an interval that says nothing: it has no estimate. An encoder
// leaves it out.
func (i *Interval) IsZero() bool { return i == nil || !Finite(i.Estimate) }

// encoded is an interval as JSON has it: infinite bounds are absent.
type encoded struct {
	Estimate float64  `json:"estimate"`
	Lo       *float64 `json:"lo,omitempty"`
	Hi       *float64 `json:"hi,omitempty"`
}

// MarshalJSON writes estimate and bounds with nine digits; an infinite bound is
// absent.
func (i Interval) MarshalJSON() ([]byte, error) {
	return json.Marshal(encoded{nine(i.Estimate), Printable(i.Lo), Printable(i.Hi)})
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else: a bound that is
// absent is infinite, and one that is misspelt must not become so.
func (i *Interval) UnmarshalJSON(b []byte) error {
	var e encoded
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return err
	}
	*i = Interval{Estimate: e.Estimate, Lo: math.Inf(-1), Hi: math.Inf(1)}
	if e.Lo != nil {
		i.Lo = *e.Lo
	}
	if e.Hi != nil {
		i.Hi = *e.Hi
	}
	return nil
}

// Printable is a number with nine significant digits, nil where it is NaN or
// infinite: more than any measurement has, and few enough that reports are the
// same on every architecture.
func Printable(v float64) *float64 {
	if !Finite(v) {
		return nil
	}
	v = nine(v)
	return &v
}

// PrintableAt is Printable of what v points at; nil for nil.
func PrintableAt(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return Printable(*v)
}

func nine(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
	if err != nil || r == 0 { // also for −0, which JSON would show
		return 0
	}
	return r
}
