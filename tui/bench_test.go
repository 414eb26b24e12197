package tui

import (
	"slices"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/tui/model"
)

// BenchmarkTick is what a tick costs: a snapshot of so many sites with its look
// applied, and the picture brought to the screen. The look itself is the
// session's, beside. The bar of 5,000 sites is 50 ms at the 95th percentile.
func BenchmarkTick(b *testing.B) {
	for _, c := range []struct {
		name  string
		sites int
	}{{"200 sites", 200}, {"5000 sites", 5000}} {
		b.Run(c.name, func(b *testing.B) {
			screen := tcell.NewSimulationScreen("UTF-8")
			a := New(Config{Screen: screen})
			if err := a.Open(); err != nil {
				b.Fatal(err)
			}
			defer a.Release()
			screen.SetSize(160, 45)
			p := newProgram(c.sites)
			for range 60 {
				a.model.Apply(p.update("a", false))
			}
			res := detect.Analyze(p.run, detect.DefaultConfig())
			var took []time.Duration
			for b.Loop() {
				b.StopTimer()
				u := p.update("a", false)
				again := *res
				u.Result = &again
				b.StartTimer()
				from := time.Now()
				a.take(u)
				a.draw()
				took = append(took, time.Since(from))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
		})
	}
}

// BenchmarkKey is the answer to a key among 5,000 sites.
func BenchmarkKey(b *testing.B) {
	screen := tcell.NewSimulationScreen("UTF-8")
	a := New(Config{Screen: screen})
	if err := a.Open(); err != nil {
		b.Fatal(err)
	}
	defer a.Release()
	screen.SetSize(160, 45)
	p := newProgram(5000)
	for range 60 {
		a.take(p.update("a", false))
	}
	a.draw()
	keys := []model.Action{model.ActionDown, model.ActionSortNext, model.ActionReverse, model.ActionTab}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		from := time.Now()
		a.do(a.model.Do(keys[i%len(keys)]))
		a.draw()
		took = append(took, time.Since(from))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
}
