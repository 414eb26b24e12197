package model

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// FuzzModel plays bytes as actions, clicks, sizes and news: nothing panics, and
// every picture is as wide as the screen.
func FuzzModel(f *testing.F) {
	f.Add([]byte("update view and a few keys"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 251, 252, 253, 254, 255, 9, 80, 24, 200})
	f.Add([]byte{200, 10, 210, 110, 32, 3, 13, 16, 210, 40, 10, 220, 1, 230, 240, 210, 1, 1, 200, 90, 210, 130, 45})
	f.Add([]byte{200, 1, 200, 2, 200, 3, 200, 4, 200, 5, 18, 26, 27, 28, 210, 80, 24, 205, 210, 110, 32, 4, 206, 14, 15})
	f.Fuzz(play)
}

func play(t *testing.T, data []byte) {
	m := New(Config{Source: source})
	run := pipeline()
	run.sites[0].stack = stackOf("evil\x00\x1b[2J.F\u202e /a\nb.go:1", "\xff\xfe.(*漢字漢字漢字漢字漢字漢字漢字).Ḟ́ /x/👩‍👩‍👧/y.go:2")
	sources := []string{"a", "b\x1b[0m", ""}
	last := map[string]time.Duration{}
	w, h := 80, 24
	next := func() byte {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return b
	}
	for steps := 0; len(data) > 0 && steps < 40; steps++ {
		switch b := next(); {
		case b < 100:
			m.Do(Action(int(b) % (int(ActionInterrupt) + 2)))
		case b < 200:
			m.Type(string([]rune{rune(b), rune(b) * 101}))
		case b < 210: // news
			name := sources[int(b)%len(sources)]
			k := next()
			at := last[name] + time.Duration(k)*time.Second
			last[name] = at
			s := run.at(at)
			if k%7 == 0 {
				s.PID = int(k)
			}
			if k%5 == 0 {
				s.Heap, s.Counters = nil, snapshot.Counters{}
			}
			if k%11 == 0 {
				s.Ops, s.Goroutines, s.RSS = nil, nil, nil
			}
			u := Update{Source: name, Time: s.Time, State: State(k % 7), Run: &snapshot.Run{Target: run.target, Snapshots: []*snapshot.Snapshot{s}}}
			if k%3 == 0 {
				u.Result = run.result(int(k))
				u.Result.Per = [2]detect.Per{detect.PerOp, detect.PerSecond}[k%2]
				if k%4 == 0 {
					bad := &detect.Rate{Interval: stats.Interval{Estimate: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}, Per: u.Result.Per}
					u.Result.Findings[0].Bytes, u.Result.Totals[0].Growth = bad, bad
					u.Result.Findings = append(u.Result.Findings, detect.Finding{ID: "no site", Kind: detect.KindHeap, Verdict: detect.Leak, Function: detect.Unattributed, Parts: []string{"no site", u.Result.Findings[2].ID}})
				}
			}
			u.Events = []Event{{Time: s.Time.Add(-time.Duration(k) * time.Minute), Severity: Severity(k % 4), Text: string([]byte{k, 'e', 27, k})}}
			u.Probes = []Probe{{Time: s.Time, RSS: uint64(k) << 20}}
			u.Progress = &Progress{Phase: snapshot.PhaseSteady, Pass: int(k), Done: time.Duration(k) * time.Hour, Total: time.Duration(k)}
			u.Load = &Load{Load: snapshot.Load{Rate: float64(k), Completed: -int64(k)}}
			m.Apply(u)
		case b < 220:
			w, h = int(next())%140, int(next())%50
		case b < 230:
			m.Click(int(next()), int(next()), b%2 == 0)
		case b < 240:
			m.Wheel(int(next()), int(next()), int(next())-128)
		default:
			m.Notice(Severity(b%4), string([]byte{b, next(), 'x'}))
		}
		if w > 0 && h > 0 {
			check(t, m.View(w, h), w, h)
		}
	}
}

func TestRandomPlayNeverPanics(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	data := make([]byte, 60)
	for range 60 {
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		play(t, data)
	}
}
