package tui

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/tui/model"
)

// program is a made-up target: some sites grow, most do not, and names are such
// as no screen is made for.
type program struct {
	stacks []*snapshot.Stack
	run    *snapshot.Run
	rand   *rand.Rand
	ops    int64
	at     time.Time
}

func newProgram(sites int) *program {
	p := &program{rand: rand.New(rand.NewPCG(1, 2)), at: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	names := []string{"example.com/shop/cart.(*Cart).Add", "例え.com/店/籠.(*籠).追加する", "main.e\u0301té.func1", "x." + strings.Repeat("very", 50) + "Long", "a.\x1b[2J\u202e", "main.👩‍👩‍👧‍👦family"}
	for i := range sites {
		name := names[i%len(names)]
		if i >= len(names) {
			name = fmt.Sprintf("%s%d", name, i)
		}
		frames := []snapshot.Frame{{Function: name, File: fmt.Sprintf("/src/shop/cart%d/cart.go", i), Line: 10 + i}, {Function: "main.main", File: "/src/shop/main.go", Line: 7}}
		p.stacks = append(p.stacks, &snapshot.Stack{Frames: frames, Key: name + "\nmain.main"})
	}
	p.run = &snapshot.Run{Target: snapshot.Target{Name: "店 shop", PID: 7, GoVersion: "go1.26.0", MemProfileRate: 512, Limit: 512 << 20}}
	return p
}

// next takes another snapshot and returns the run so far.
func (p *program) next() *snapshot.Run {
	p.at = p.at.Add(time.Second)
	p.ops += 100
	ops, rss := p.ops, uint64(50<<20+1000*p.ops)
	s := &snapshot.Snapshot{
		Meta:       snapshot.Meta{Time: p.at, Ops: &ops, Phase: snapshot.PhaseSteady, Pass: 1, PID: 7, RSS: &rss},
		Heap:       &snapshot.Heap{Time: p.at, Period: 512},
		Goroutines: &snapshot.Goroutines{Time: p.at, Total: 20 + p.ops/100},
	}
	live := int64(1 << 20)
	for i, st := range p.stacks {
		n := int64(100 + p.rand.IntN(3))
		if i%500 == 1 {
			n += p.ops
		}
		s.Heap.Samples = append(s.Heap.Samples, snapshot.HeapSample{Stack: st, Size: 512, AllocObjects: 10*p.ops + n, AllocBytes: 512 * (10*p.ops + n), InuseObjects: n, InuseBytes: 512 * n})
		live += 512 * n
	}
	for i, st := range p.stacks[:min(len(p.stacks), 50)] {
		s.Goroutines.Samples = append(s.Goroutines.Samples, snapshot.GoroutineSample{Stack: st, Count: int64(1 + i)})
	}
	s.Counters = snapshot.Counters{Values: map[string]uint64{
		"HeapAlloc": uint64(live), "Mallocs": uint64(1_000_000 + 30*p.ops), "Frees": uint64(900_000 + 29*p.ops), "TotalAlloc": uint64(live + 5000*p.ops),
		"StackInuse": 1 << 20, "NumGC": uint64(p.ops / 50), "NextGC": uint64(2 * live),
	}}
	p.run.Snapshots = append(p.run.Snapshots, s)
	part := *p.run
	part.Snapshots = p.run.Snapshots[:len(p.run.Snapshots):len(p.run.Snapshots)]
	return &part
}

// update is the news after another snapshot, with a judgement if look is set.
func (p *program) update(source string, look bool) model.Update {
	run := p.next()
	u := model.Update{
		Source: source, Time: p.at, State: model.StateLive, Title: "test", Tick: time.Second, Run: run,
		Load:     &model.Load{Source: "heapdrift", Load: snapshot.Load{Rate: 100, Sent: p.ops, Completed: p.ops, Latency: &snapshot.Latency{P50: 1, P99: 9}}},
		Progress: &model.Progress{Phase: snapshot.PhaseSteady, Pass: 1, Done: time.Minute, Total: time.Hour},
		Plan:     []model.Step{{Phase: snapshot.PhaseWarmup}, {Phase: snapshot.PhaseSteady, Pass: 1}},
		Probes:   []model.Probe{{Time: p.at, RSS: 60 << 20}},
		Events:   []model.Event{{Time: p.at, Severity: model.Warning, Text: "a line\x1b[31m of 店\n"}},
	}
	if look {
		u.Result = detect.Analyze(run, detect.DefaultConfig())
	}
	return u
}
