package detect

import (
	"math"
	"testing"
)

func TestTheObserversEffectIsMeasuredAsWellAsIdleSnapshotsAllow(t *testing.T) {
	t.Parallel()
	idle := []int{1, 2, 3, 4, 5}
	for _, c := range []struct {
		name        string
		y           []float64 // the first snapshot is no idle one
		least, most float64   // of the effect
		widest      float64   // its error at the most
	}{
		{"a steady effect is taken as it is", []float64{0, 1000, 1300, 1600, 1900, 2200}, 300, 300, 0},
		{"a step among them is not the observer's", []float64{0, 1000, 1300, 21600, 21900, 22200}, 300, 300, 0},
		{"a heap that goes up and down tells little, and costs little", []float64{0, 676248, 673336, 677256, 673376, 676728}, 0, observerBytes, observerBytes},
		{"a heap that falls has no negative effect", []float64{0, 9000, 8000, 7000, 6000, 5000}, 0, 0, 0},
	} {
		o := observe(c.y, idle, observerBytes)
		if !o.known || o.perSnapshot < c.least || o.perSnapshot > c.most || o.se > c.widest || math.IsNaN(o.se) {
			t.Errorf("%s: effect %.0f ± %.0f (known %v), want %.0f to %.0f ± at most %.0f", c.name, o.perSnapshot, o.se, o.known, c.least, c.most, c.widest)
		}
	}
	if o := observe([]float64{0, 1, 2}, []int{1, 2}, observerBytes); o.known {
		t.Errorf("two idle snapshots gave an effect of %.0f", o.perSnapshot)
	}
}
