package model

import (
	"fmt"
	"sort"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// many is the pipeline with 5,000 sites.
func many() *sim {
	s := pipeline()
	for i := len(s.sites); i < 5000; i++ {
		s.sites = append(s.sites, simSite{
			stackOf(fmt.Sprintf("example.com/pipeline/gen%d.(*Node[...]).Insert /src/pipeline/gen%d/node.go:%d", i, i%100, i),
				fmt.Sprintf("example.com/pipeline/gen%d.Build /src/pipeline/gen%d/build.go:%d", i%100, i%100, i), "example.com/pipeline/worker.run /src/pipeline/worker/worker.go:61"),
			func(n float64) float64 { return float64(10 + i%97 + int(n)%(3+i%7)) }, float64(16 * (1 + i%40)),
		})
	}
	return s
}

// percentiles reports the median and p95 of durations in milliseconds.
func percentiles(b *testing.B, d []time.Duration) {
	sort.Slice(d, func(i, j int) bool { return d[i] < d[j] })
	b.ReportMetric(float64(d[len(d)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(d[len(d)*95/100].Microseconds())/1000, "p95-ms")
}

// BenchmarkTick is a second of the dashboard with 5,000 sites and a full
// timeline: a snapshot comes in, then the picture is drawn from new rows. The
// bar of the project is a redraw below 50 ms at the 95th percentile.
func BenchmarkTick(b *testing.B) {
	s := many()
	m := New(DefaultConfig())
	tick := func(i int) Update {
		x := s.at(time.Duration(i) * time.Second)
		return Update{Source: "a", Time: x.Time, State: StateLive, Run: &snapshot.Run{Target: s.target, Snapshots: []*snapshot.Snapshot{x}}, Result: s.result(200)}
	}
	i := 0
	for ; i < maxMoments; i++ {
		m.Apply(tick(i))
	}
	var views, applies []time.Duration
	for b.Loop() {
		b.StopTimer()
		u := tick(i)
		i++
		b.StartTimer()
		start := time.Now()
		m.Apply(u)
		applied := time.Now()
		m.View(110, 32)
		applies, views = append(applies, applied.Sub(start)), append(views, time.Since(applied))
	}
	percentiles(b, views)
	sort.Slice(applies, func(i, j int) bool { return applies[i] < applies[j] })
	b.ReportMetric(float64(applies[len(applies)*95/100].Microseconds())/1000, "apply-p95-ms")
}

// BenchmarkViewSameRows is a redraw after a key that changes no row.
func BenchmarkViewSameRows(b *testing.B) {
	s := many()
	m := New(DefaultConfig())
	for i := range 100 {
		x := s.at(time.Duration(i) * time.Second)
		m.Apply(Update{Source: "a", Time: x.Time, Run: &snapshot.Run{Target: s.target, Snapshots: []*snapshot.Snapshot{x}}})
	}
	var views []time.Duration
	for b.Loop() {
		m.Do(ActionDown)
		start := time.Now()
		m.View(110, 32)
		views = append(views, time.Since(start))
	}
	percentiles(b, views)
}
