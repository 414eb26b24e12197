package lab

import (
	"math"
	"runtime"
	"testing"

	"github.com/heapdrift/heapdrift/internal/apart"
)

// The exact counters of a process that does nothing else say what is kept.
func TestAKeeperKeepsWhatItSays(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		const ops = 20000
		for _, perOp := range []float64{0, 2.5, 16, 80, 100, 200, 1000, 4096} {
			k, err := NewKeeper(perOp)
			if err != nil {
				t.Fatal(err)
			}
			before := liveBytes()
			for range ops {
				k.Keep()
			}
			if got := (liveBytes() - before) / ops; math.Abs(got-perOp) > 0.02*perOp+0.5 {
				t.Errorf("keeps %.3g B/op; want %g", got, perOp)
			}
			runtime.KeepAlive(k)
		}
	})
}

func liveBytes() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func TestAnUnknownAmountIsRefused(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := NewKeeper(v); err == nil {
			t.Errorf("%v is taken", v)
		}
	}
}

func TestAKeeperEndsBeforeItTakesTheMachinesMemory(t *testing.T) {
	k, err := NewKeeper(MaxKept / 4)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		k.Keep()
	}
	select {
	case <-k.Full():
	default:
		t.Error("it does not say that it is full")
	}
	if k.total > 2*MaxKept {
		t.Errorf("it has kept %.0f bytes; want at most about %d", k.total, MaxKept)
	}
}
