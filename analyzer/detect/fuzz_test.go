package detect

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// decoded makes a run of any bytes: whatever a file can hold, sensible or not.
func decoded(data []byte) *snapshot.Run {
	next := func() uint64 {
		var b [8]byte
		data = data[copy(b[:], data):]
		return binary.LittleEndian.Uint64(b[:])
	}
	// Sizes over all magnitudes, small ones more often.
	amount := func() int64 {
		v := next()
		return int64(v >> (1 + (v>>3)%60))
	}
	stacks := []*snapshot.Stack{worker, receiving, sleeping, hanging, {}, at(1, "example.com/app.Keep", handler), at(2, "example.com/app.Keep", handler), stackOf("0x1")}
	phases := []snapshot.Phase{snapshot.PhaseUnknown, snapshot.PhaseSteady, snapshot.PhaseSteady, snapshot.PhaseIdle, snapshot.PhaseWarmup, snapshot.PhaseDrain, "other"}
	// An orderly run has what one process can serve: counters and profiles that
	// do not go back, one sampling rate. Others are mostly cut to pieces.
	orderly := next()%4 != 0
	sums := map[string]int64{}
	rising := func(name string) int64 {
		v := amount()
		if orderly {
			sums[name] = min(sums[name]+v%(1<<40), 1<<62)
			return sums[name]
		}
		return v
	}
	run := &snapshot.Run{}
	now := time.Unix(1_700_000_000, 0)
	for len(data) > 0 && len(run.Snapshots) < 40 {
		what := next()
		s := &snapshot.Snapshot{}
		s.Phase = phases[what>>8%uint64(len(phases))]
		now = now.Add(time.Duration(what >> 16 % 100 * 1e8))
		s.Time = now
		if what&1 != 0 {
			n := rising("ops")
			s.Ops = &n
		}
		if what&2 != 0 {
			s.Counters.Values = map[string]uint64{}
			for _, name := range []string{"HeapAlloc", "StackInuse", "NextGC", "Sys", "HeapSys"}[:1+next()%5] {
				s.Counters.Values[name] = uint64(amount())
			}
			freed := rising("Frees")
			s.Counters.Values["Frees"], s.Counters.Values["Mallocs"] = uint64(freed), uint64(freed)+uint64(rising("kept"))
		}
		if what&4 != 0 {
			s.Heap = &snapshot.Heap{Period: 512}
			if !orderly {
				s.Heap.Period = amount() - 1
			}
			for i := range 1 + next()%4 {
				st := int(what>>24) + int(i)
				name := string(rune('a' + st%len(stacks)))
				s.Heap.Samples = append(s.Heap.Samples, snapshot.HeapSample{Stack: stacks[st%len(stacks)], Size: amount() % 5000, InuseBytes: amount(), InuseObjects: amount(), AllocBytes: rising(name), AllocObjects: rising(name + "#")})
			}
		}
		groups := func() *snapshot.Goroutines {
			g := &snapshot.Goroutines{Total: amount()}
			for range next() % 4 {
				g.Samples = append(g.Samples, snapshot.GoroutineSample{Stack: stacks[next()%uint64(len(stacks))], Count: amount()})
			}
			return g
		}
		if what&8 != 0 {
			s.Goroutines = groups()
		}
		if what&16 != 0 {
			s.Leaked = groups()
		}
		if what&32 != 0 {
			v := next()
			s.RSS = &v
		}
		run.Snapshots = append(run.Snapshots, s)
	}
	return run
}

// FuzzAnalyze: no run panics; the verdicts are of the set; every number that is
// printed is a number, but for the forecast's upper bound, which may be open.
func FuzzAnalyze(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("what a file can hold, sensible or not, over some snapshots of a run that never was"))
	// Twelve snapshots with counters and operations that only rise.
	var rising []byte
	rising = binary.LittleEndian.AppendUint64(rising, 1)
	for range uint64(12) {
		for _, v := range []uint64{3 | 20<<16, 1000 << 9, 0, 1 << 30, 1 << 20, 1 << 16} {
			rising = binary.LittleEndian.AppendUint64(rising, v)
		}
	}
	f.Add(rising)
	r := seeded("fuzz", 1)
	for range 100 {
		data := make([]byte, r.IntN(16<<10))
		for i := range data {
			if r.IntN(3) > 0 {
				data[i] = byte(r.Uint32())
			}
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 16<<10 {
			return
		}
		cfg := DefaultConfig()
		cfg.Limit = 1 << 30
		check(t, Analyze(decoded(data), cfg))
	})
}

func check(t *testing.T, res *Result) {
	t.Helper()
	verdicts := []Verdict{Leak, Suspect, Growing, Backlog, Churn, Plateau, Stable, Unknown}
	if !slices.Contains([]RunVerdict{RunLeak, RunClean, RunInconclusive}, res.Verdict) {
		t.Errorf("run verdict %q", res.Verdict)
	}
	intervals := func(of string, all ...*stats.Interval) {
		for _, iv := range all {
			if iv != nil && (!iv.Finite() || iv.Lo > iv.Estimate || iv.Hi < iv.Estimate) {
				t.Errorf("%s: interval %+v", of, *iv)
			}
		}
	}
	number := func(of string, all ...float64) {
		for _, v := range all {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %v", of, v)
			}
		}
	}
	encodes(t, res.Totals, res.Findings, res.Power, res.Forecast)
	for _, x := range res.Totals {
		intervals(x.Name, x.In(PerOp), x.In(PerSecond))
		number(x.Name, x.First, x.Last)
		if !slices.Contains(verdicts, x.Verdict) {
			t.Errorf("%s: verdict %q", x.Name, x.Verdict)
		}
	}
	for i, x := range res.Findings {
		for _, r := range []*Rate{x.Bytes, x.Objects, x.Goroutines, x.Allocated} {
			if r != nil {
				intervals(x.Function, &r.Interval)
				if r.Per != res.Per || r.Per == PerSecond && r != x.Bytes {
					t.Errorf("%s: growth per %s in a run per %s", x.Function, r.Per, res.Per)
				}
			}
		}
		number(x.Function, float64(x.LiveBytes), float64(x.Count), float64(x.Share))
		if x.Trend != nil {
			number(x.Function, x.Trend.Tau, x.Trend.P)
		}
		if !slices.Contains(verdicts, x.Verdict) || x.ID == "" || len(x.Reasons) == 0 || x.Share < 0 || x.Share > 1 {
			t.Errorf("finding %+v", x)
		}
		if i > 0 && res.Findings[i-1].Verdict.Rank() > x.Verdict.Rank() {
			t.Errorf("finding %d is worse than the one before it", i)
		}
	}
	if p := res.Power; p != nil {
		for _, v := range []*float64{p.Bytes, p.Goroutines, p.SiteBytes} {
			if v != nil {
				number("power", *v)
			}
		}
	}
	if f := res.Forecast; f != nil {
		number("forecast", f.SecondsToLimit.Estimate, f.SecondsToLimit.Lo)
		if math.IsNaN(f.SecondsToLimit.Hi) {
			t.Error("forecast: NaN")
		}
	}
	number("run", res.Seconds)
}
