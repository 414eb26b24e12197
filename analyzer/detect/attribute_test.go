package detect

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

func TestSitesShareTheExactTotal(t *testing.T) {
	t.Parallel()
	iv := func(x, half float64) *Rate {
		return &Rate{stats.Interval{Estimate: x, Lo: x - half, Hi: x + half, Confidence: confidence, N: 14}, PerOp}
	}
	site := func(x, half, objects float64) Finding {
		return Finding{Stack: at(1, "example.com/app.Keep").Frames, Bytes: iv(x, half), Objects: iv(objects, 1)}
	}
	total := iv(100, 0).Interval
	t.Run("more than all: the excess is noise, the unsurest gives most", func(t *testing.T) {
		all := []Finding{site(80, 10, 4), site(40, 20, 1)}
		attribute(all, total)
		// v = 100, 400; the excess of 20 is shared 4 to 16, the width 1−v/500.
		for i, want := range []struct{ x, lo, half, objects float64 }{{76, 76 - 10*math.Sqrt(0.8), 10 * math.Sqrt(0.8), 3.8}, {24, 24 - 20*math.Sqrt(0.2), 20 * math.Sqrt(0.2), 0.6}} {
			b := all[i].Bytes
			if math.Abs(b.Estimate-want.x) > 1e-9 || math.Abs(b.Hi-b.Estimate-want.half) > 1e-9 || math.Abs(b.Lo-want.lo) > 1e-9 || math.Abs(all[i].Objects.Estimate-want.objects) > 1e-9 {
				t.Errorf("site %d: %+v, %+v; want %+v", i, *b, *all[i].Objects, want)
			}
		}
	})
	t.Run("one site that is all: its lower bound stays", func(t *testing.T) {
		all := []Finding{site(102, 10, 4)}
		attribute(all, total)
		if b := all[0].Bytes; b.Lo != 92 || math.Abs(b.Estimate-100) > 1e-9 || math.Abs(b.Hi-100) > 1e-9 {
			t.Errorf("%+v, want 100 and from 92: a site unseen may keep the rest", *b)
		}
	})
	t.Run("less than all: the rest is someone else's", func(t *testing.T) {
		all := []Finding{site(50, 10, 4), site(40, 20, 1)}
		attribute(all, total)
		if *all[0].Bytes != *iv(50, 10) || *all[1].Bytes != *iv(40, 20) {
			t.Errorf("%+v and %+v, want them as they were", *all[0].Bytes, *all[1].Bytes)
		}
	})
	t.Run("nothing goes below nothing", func(t *testing.T) {
		all := []Finding{site(3, 200, 1), site(500, 1, 1)}
		attribute(all, total)
		if all[0].Bytes.Estimate < 0 {
			t.Errorf("%+v is below 0", *all[0].Bytes)
		}
	})
}
