package detect

import (
	"math/rand/v2"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// fewLarge is a run of n snapshots and a drain that keeps count objects of 64 KiB,
// while the number of live objects moves by thousands; freed bytes stand all the
// time and go away in the drain.
func fewLarge(r *rand.Rand, n, count int, freed float64, lives func(k int) []allocSite) *snapshot.Run {
	const drain, size = 3, 64 << 10
	s := simulation{steady: n, drain: drain, ops: 3000, phased: true, idle: 6, afterDrain: -freed}
	noise := autoregressive(r, n, 0)
	for i := range n {
		s.bytes = append(s.bytes, float64(count*size)*float64(i)/float64(n-1)+20_000*noise[i])
		s.objects = append(s.objects, 2000*noise[i]+float64(count)*float64(i)/float64(n-1))
	}
	s.heap = serve(s.idle+n+drain, 16<<10, lives(s.idle))
	return s.run()
}

func TestFewLargeObjects(t *testing.T) {
	t.Parallel()
	const n, count, size = 20, 150, 64 << 10
	keeps := at(1, "example.com/app.Keep", "example.com/app.Handle", handler)
	other := at(2, "example.com/app.Make", "example.com/app.Handle", handler)
	during := func(r *rand.Rand, idle, k int) (out []life) {
		for range k {
			out = append(out, life{float64(idle) + 1 + float64(n-1)*r.Float64(), forever})
		}
		return out
	}
	for _, c := range []struct {
		name  string
		sites func(r *rand.Rand, idle int) []allocSite
		freed float64
		want  Verdict
		says  Code
	}{
		{"objects that are born and stay make a leak", func(r *rand.Rand, idle int) []allocSite {
			return []allocSite{{keeps, size, during(r, idle, count)}}
		}, 0, Leak, CountedAtSites},
		{"a few that come and go do not hide them", func(r *rand.Rand, idle int) []allocSite {
			churn := turnover(r, idle+n, 20, 1, r.ExpFloat64, 12)
			return []allocSite{{keeps, size, during(r, idle, count)}, {other, 16 << 10, churn}}
		}, 0, Leak, CountedAtSites},
		{"a buffer that stands all the time and that the drain frees is no part of the growth", func(r *rand.Rand, idle int) []allocSite {
			return []allocSite{{keeps, size, during(r, idle, count)}, {other, 20 << 20, []life{{-1, float64(idle + n)}}}}
		}, 20 << 20, Leak, RetainedAtSites},
		{"what the drain frees of the growth is a backlog", func(r *rand.Rand, idle int) []allocSite {
			lives := during(r, idle, count)
			for i := range lives {
				lives[i].freed = float64(idle + n)
			}
			return []allocSite{{keeps, size, lives}}
		}, count * size, Backlog, GoneAfterDrain},
		{"buffers that are made larger, elsewhere, are containers", func(r *rand.Rand, idle int) []allocSite {
			large, small := during(r, idle, count), make([]life, count)
			for i := range small {
				small[i] = life{-1, large[i].born}
			}
			return []allocSite{{keeps, size, large}, {other, 16 << 10, small}}
		}, 0, Growing, ContainersEnlarge},
		{"without a profile nothing counts them", func(*rand.Rand, int) []allocSite { return nil }, 0, Growing, ContainersEnlarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := seeded("few large", n)
			res := Analyze(fewLarge(r, n, count, c.freed, func(idle int) []allocSite { return c.sites(r, idle) }), DefaultConfig())
			b := res.Total(series.LiveBytes)
			if b.Verdict != c.want || !saysAny(b.Reasons, c.says) {
				t.Errorf("live bytes are %q, because %v; want %q and %s", b.Verdict, codes(b.Reasons), c.want, c.says)
			}
			if (c.want == Leak) != (res.Verdict == RunLeak) {
				t.Errorf("the run is %s", res.Verdict)
			}
		})
	}
}
