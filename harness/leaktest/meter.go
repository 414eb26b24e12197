package leaktest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// meter takes snapshots of its own process and leaves nothing behind in it:
// counters go to memory that is there from the start, profiles to a file.
type meter struct {
	collector
	counters   []runtime.MemStats
	readings   []reading
	file       *os.File
	written    int64
	goroutines int // at the last snapshot
	burnt      *[64]byte
	err        error
}

// reading is a snapshot whose counters and profiles are elsewhere.
type reading struct {
	at              time.Time
	cost            time.Duration
	ops             int64
	rate            int // of sampling, bytes
	phase           snapshot.Phase
	heap, goroutine span // in the file
}

type span struct{ from, to int64 }

// newMeter makes a meter for so many snapshots. The caller closes it.
func newMeter(most int) (*meter, error) {
	f, err := os.CreateTemp("", "leaktest-*.profiles")
	if err != nil {
		return nil, fmt.Errorf("make a file for the profiles: %w; set TMPDIR to a folder that can be written", err)
	}
	return &meter{
		collector: *newCollector(),
		counters:  make([]runtime.MemStats, 0, most),
		readings:  make([]reading, 0, most),
		file:      f, goroutines: runtime.NumGoroutine(),
	}, nil
}

func (m *meter) close() {
	_ = m.file.Close()
	_ = os.Remove(m.file.Name())
}

// Write appends to the file: a meter is where pprof writes to.
func (m *meter) Write(p []byte) (int, error) {
	n, err := m.file.Write(p)
	m.written += int64(n)
	return n, err
}

// mostSettling is how long goroutines that are about to end are waited for
// before a snapshot.
const mostSettling = 10 * time.Millisecond

// take takes a snapshot after ops operations, with the heap profile if sites is
// set: that takes longer than all else. What is over capacity is left out.
func (m *meter) take(phase snapshot.Phase, ops int64, sites bool) {
	if len(m.readings) == cap(m.readings) {
		return
	}
	m.awaitEnds(mostSettling)
	r := reading{at: time.Now(), ops: ops, phase: phase, rate: runtime.MemProfileRate}
	defer m.unsampled()()
	m.collect()
	m.counters = m.counters[:len(m.counters)+1]
	runtime.ReadMemStats(&m.counters[len(m.counters)-1])
	m.goroutines = runtime.NumGoroutine()
	if sites {
		r.heap = m.profile("heap")
	}
	r.goroutine = m.profile("goroutine")
	r.cost = time.Since(r.at)
	m.readings = append(m.readings, r)
}

// awaitEnds waits until there are no more goroutines than at the last snapshot, a
// short while at most.
func (m *meter) awaitEnds(most time.Duration) {
	for wait := newBackoff(most); runtime.NumGoroutine() > m.goroutines && wait.next(); {
	}
}

func (m *meter) profile(name string) span {
	from := m.written
	if err := pprof.Lookup(name).WriteTo(m, 0); err != nil && m.err == nil {
		m.err = fmt.Errorf("keep the %s profile: %w", name, err)
	}
	return span{from, m.written}
}

// cost is what a snapshot took lately.
func (m *meter) cost() time.Duration {
	if len(m.readings) == 0 {
		return 0
	}
	return m.readings[len(m.readings)-1].cost
}

// live is the live heap of the last snapshot, bytes.
func (m *meter) liveBytes() uint64 { return m.counters[len(m.counters)-1].HeapAlloc }

// raws are the snapshots as the bundle holds them. They are large: whoever goes
// on measuring must not keep them.
func (m *meter) raws() ([]*snapshot.Raw, error) {
	defer m.unsampled()()
	if m.err != nil {
		return nil, m.err
	}
	out := make([]*snapshot.Raw, 0, len(m.readings))
	for i, r := range m.readings {
		ops := r.ops
		raw := &snapshot.Raw{Meta: snapshot.Meta{
			Time: r.at.UTC(), Ops: &ops, Phase: r.phase, Cost: &snapshot.Cost{Seconds: r.cost.Seconds()},
		}}
		if r.phase == snapshot.PhaseSteady {
			raw.Pass = 1
		}
		b, err := json.Marshal(&m.counters[i])
		if err == nil {
			err = json.Unmarshal(b, &raw.Counters)
		}
		if err != nil {
			return nil, fmt.Errorf("read the counters: %w", err)
		}
		if r.heap.to > r.heap.from {
			unscaled, err := m.read(r.heap)
			if err == nil {
				raw.Heap, err = scaled(unscaled, r.rate)
			}
			if err != nil {
				return nil, err
			}
		}
		if raw.Goroutine, err = m.read(r.goroutine); err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}

func (m *meter) read(s span) ([]byte, error) {
	b := make([]byte, s.to-s.from)
	if _, err := m.file.ReadAt(b, s.from); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read the profiles back: %w", err)
	}
	return b, nil
}

// unsampled switches the sampling of allocations off until the function it
// returns is called. What a snapshot or the analysis allocates is not the
// program's, and each of its many stacks would make every later profile larger.
// The runtime samples the first object after each change of the rate: one is
// spent on that.
func (m *meter) unsampled() (restore func()) {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 0
	return func() {
		runtime.MemProfileRate = rate
		m.burnt = new([64]byte)
	}
}
