package model

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestRestartIsAnEventAndCutsTheFit(t *testing.T) {
	t.Parallel()
	s := pipeline()
	s.phases, s.restart, s.every = nil, 5*time.Minute, 5*time.Second
	m := New(DefaultConfig())
	for d := time.Duration(0); d <= 9*time.Minute; d += s.every {
		x := s.at(d)
		m.Apply(Update{Source: "a", Time: x.Time, State: StateLive, Run: &snapshot.Run{Target: s.target, Snapshots: []*snapshot.Snapshot{x}}})
	}
	if line(m, "◆ 05:00 the target was restarted (") == "" {
		t.Errorf("no event tells of the restart:\n%s", text(m, 110, 32))
	}
	m.Apply(Update{Source: "a", Result: &detect.Result{Per: detect.PerOp, Window: s.window(6*time.Minute, 9*time.Minute)}})
	if got := flush(m).rate; got < 52 || got > 54 {
		t.Errorf("Flush grows by %.1f B/op since the restart, want 52.9: the fall to zero is no part of it", got)
	}
	if warned := len(m.targets[0].events); warned != 1 {
		t.Errorf("%d events, want the restart alone: %+v", warned, m.targets[0].events)
	}
}

func TestSnapshotsAreTakenInOnce(t *testing.T) {
	t.Parallel()
	s := pipeline()
	m := New(DefaultConfig())
	run := s.run(2 * time.Minute)
	for n := range run.Snapshots {
		part := *run
		part.Snapshots = run.Snapshots[:n+1]
		for range 2 { // the same again, and all that came before
			m.Apply(Update{Source: "a", Run: &part})
		}
	}
	if got := m.targets[0].line.seen; got != len(run.Snapshots) {
		t.Errorf("%d snapshots were taken in, want %d", got, len(run.Snapshots))
	}
	whole := New(DefaultConfig())
	whole.Apply(Update{Source: "a", Run: run})
	if a, b := text(m, 110, 32), text(whole, 110, 32); a != b {
		t.Errorf("one by one:\n%s\nat once:\n%s", a, b)
	}
}

func TestAFindingOfSeveralSitesIsOneRow(t *testing.T) {
	t.Parallel()
	s := pipeline()
	m := New(DefaultConfig())
	run := s.run(late)
	r := s.result(100)
	ids := []string{r.Findings[0].ID, r.Findings[3].ID}
	r.Findings[0].Parts = ids
	r.Findings = append(r.Findings[:3:3], detect.Finding{ID: "none", Kind: detect.KindHeap, Verdict: detect.Growing, Function: detect.Unattributed, Bytes: perOp(5, 1)})
	m.Apply(Update{Source: "a", Run: run, Result: r})
	got := names(m)
	if slices.Contains(got, "feed.(*Cache).Get") {
		t.Error("a part of a finding has a row of its own")
	}
	last := run.Snapshots[len(run.Snapshots)-1].Heap.Samples
	row := m.selectedRow(m.frameNow())
	if want := float64(last[0].InuseBytes + last[2].InuseBytes); row.live != want {
		t.Errorf("the row holds %g, want %g of both sites", row.live, want)
	}
	if !slices.Contains(got, detect.Unattributed) {
		t.Errorf("what is at no site has no row: %q", got)
	}
}

func TestVerdictsThatChangeAreEvents(t *testing.T) {
	t.Parallel()
	m := New(DefaultConfig())
	s := pipeline()
	for i, v := range []detect.RunVerdict{detect.RunInconclusive, detect.RunInconclusive, detect.RunLeak, detect.RunLeak, detect.RunInconclusive} {
		x := s.at(time.Duration(i) * time.Minute)
		m.Apply(Update{Source: "a", Time: x.Time, Run: &snapshot.Run{Snapshots: []*snapshot.Snapshot{x}}, Result: &detect.Result{Verdict: v}})
	}
	var got []string
	for _, e := range m.targets[0].events {
		got = append(got, e.Text)
	}
	if want := []string{"look confirmed: leak", "no longer a leak: inconclusive"}; !slices.Equal(got, want) {
		t.Errorf("events are %q, want %q", got, want)
	}
}

// flush is the row of the site that leaks in the pipeline.
func flush(m *Model) *row {
	rows, _ := m.rowsNow(m.frameNow())
	return rows[slices.IndexFunc(rows, func(r *row) bool { return r.name == "embed.(*Batcher).Flush" })]
}

func TestGrowthIsToldFromWhatWasJudged(t *testing.T) {
	t.Parallel()
	s := pipeline()
	s.phases, s.every = nil, 10*time.Second
	s.sites[0].objects = func(n float64) float64 { return min(n, 100*400) } // full after 100 s
	m := New(DefaultConfig())
	m.Apply(Update{Source: "a", Run: s.run(6 * time.Minute)})
	if r := flush(m); !math.IsNaN(r.rate) || !math.IsNaN(r.perMinute) || m.frameNow().fit() != nil {
		t.Errorf("before the first judgement it grows by %g B/op, %g a minute", r.rate, r.perMinute)
	}
	for _, c := range []struct {
		from, to        time.Duration
		rate, perMinute float64
	}{
		{2 * time.Minute, 6 * time.Minute, 0, 0},
		{0, 90 * time.Second, 1024, 1024 * 400 * 60},
		{0, 10 * time.Second, math.NaN(), math.NaN()}, // two moments are no line
	} {
		total := detect.Total{Name: series.LiveBytes, Growth: perOp(c.rate, 1)}
		m.Apply(Update{Source: "a", Result: &detect.Result{Per: detect.PerOp, Window: s.window(c.from, c.to), Totals: []detect.Total{total}}})
		r := flush(m)
		if math.Abs(r.rate-c.rate) > 1e-6 || math.Abs(r.perMinute-c.perMinute) > 1e-3 || math.IsNaN(c.rate) != math.IsNaN(r.rate) {
			t.Errorf("judged from %v to %v, it grows by %g B/op, %g a minute; want %g, %g", c.from, c.to, r.rate, r.perMinute, c.rate, c.perMinute)
		}
		z := m.frameNow().fit()
		if (z == nil) != math.IsNaN(c.rate) || z != nil && z.from != c.from.Seconds() {
			t.Errorf("judged from %v to %v, the fit is %+v", c.from, c.to, z)
		}
	}
}

func TestSnapshotsOutOfOrderArePassedOver(t *testing.T) {
	t.Parallel()
	s := pipeline()
	run := s.run(time.Minute)
	run.Snapshots[3], run.Snapshots[5] = run.Snapshots[5], run.Snapshots[3]
	m := New(DefaultConfig())
	m.Apply(Update{Source: "a", Run: run})
	ms := m.targets[0].line.moments
	if !slices.IsSortedFunc(ms, func(a, b moment) int { return a.at.Compare(b.at) }) || len(ms) != 5 {
		t.Errorf("%d moments are kept, want the 5 that are in order", len(ms))
	}
}
