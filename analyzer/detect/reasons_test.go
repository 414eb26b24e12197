package detect

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

// reason is the first with a code; nil for none.
func reason(all []Reason, code Code) *Reason {
	if i := slices.IndexFunc(all, func(r Reason) bool { return r.Code == code }); i >= 0 {
		return &all[i]
	}
	return nil
}

// codes of the reasons, in their order.
func codes(all []Reason) (out []Code) {
	for _, r := range all {
		out = append(out, r.Code)
	}
	return out
}

// reasonOf is reason of a finding, of which there may be none.
func reasonOf(f *Finding, code Code) *Reason {
	if f == nil {
		return nil
	}
	return reason(f.Reasons, code)
}

// says reports that one of the reasons has the code of want and all figures that
// want has: numbers to 1 %, all else exactly. Every reason says no code.
func says(all []Reason, want Reason) bool {
	return want.Code == "" || slices.ContainsFunc(all, func(r Reason) bool { return r.Code == want.Code && figures(r.Values, want.Values) })
}

// saysAny reports that one of the reasons has one of the codes.
func saysAny(all []Reason, codes ...Code) bool {
	return slices.ContainsFunc(all, func(r Reason) bool { return slices.Contains(codes, r.Code) })
}

// warns is says of warnings.
func warns(all []Warning, want Reason) bool {
	return want.Code == "" || slices.ContainsFunc(all, func(w Warning) bool { return w.Code == want.Code && figures(w.Values, want.Values) })
}

func figures(got, want Values) bool {
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range w.NumField() {
		switch x, y := g.Field(i), w.Field(i); {
		case y.IsZero():
		case y.CanFloat():
			if !(math.Abs(x.Float()-y.Float()) <= 0.01*math.Abs(y.Float())) {
				return false
			}
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			return false
		}
	}
	return true
}

// alikeParts compares parts, numbers to half a percent of 1 or of themselves.
func alikeParts(got, want []Part) bool {
	return slices.EqualFunc(got, want, func(a, b Part) bool {
		near := func(x, y float64) bool { return math.Abs(x-y) <= 0.005*max(1, math.Abs(y)) }
		ok := near(a.Bytes, b.Bytes) && near(a.Share, b.Share) && near(a.Rate, b.Rate)
		a.Bytes, a.Share, a.Rate = b.Bytes, b.Share, b.Rate
		return ok && a == b
	})
}

// slackening are the codes of growth that does not go on: a cache that fills
// looks like this.
func slackening() []Code { return []Code{SlackensLate, SlackensHalfway, SlackenedBefore, FlatAtEnd} }

// The tests' own eye: what is not there must not be found.
func TestSays(t *testing.T) {
	t.Parallel()
	all := []Reason{{Rises, Values{N: 14, Tau: 1}}, {Bounded, Values{Limit: 64}}}
	for _, c := range []struct {
		want Reason
		says bool
	}{
		{Reason{}, true},
		{Reason{Code: Rises}, true},
		{Reason{Rises, Values{N: 14}}, true},
		{Reason{Rises, Values{N: 13}}, false},
		{Reason{Rises, Values{Tau: 1.005}}, true},
		{Reason{Rises, Values{Tau: 1.02}}, false},
		{Reason{Rises, Values{Limit: 64}}, false},
		{Reason{Bounded, Values{Parts: []Part{{}}}}, false},
		{Reason{Code: NotBounded}, false},
	} {
		if got := says(all, c.want); got != c.says {
			t.Errorf("%+v: %v, want %v", c.want, got, c.says)
		}
	}
	if r := reason(all, Bounded); r == nil || r.Values.Limit != 64 || reason(all, NotBounded) != nil {
		t.Errorf("%+v", r)
	}
}
