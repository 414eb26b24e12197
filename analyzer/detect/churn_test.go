package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

const (
	splitter = "example.com/app.Split"
	scratch  = "example.com/app.scratch" // short of the bound
)

// churning is a healthy run of n snapshots, 500 operations apart, in which Split
// allocates perOp bytes an operation at two lines, through two callers, and
// frees all.
func churning(r *rand.Rand, n int, perOp float64, more ...allocator) simulation {
	const every = 500
	births := func(bytes float64, size int64) float64 { return bytes * every / perSample(float64(size)) }
	up := at(20, splitter, "example.com/app.Handle", handler)
	low := at(40, splitter, "example.com/app.Handle", handler)
	other := at(20, splitter, "example.com/app.Other", handler)
	all := append([]allocator{
		{up, 1024, births(0.6*perOp, 1024), 0},
		{low, 64, births(0.2*perOp, 64), 0},
		{other, 1024, births(0.2*perOp, 1024), 0},
		{at(1, scratch, "example.com/app.Handle", handler), 256, births(20<<10, 256), 0},
	}, more...)
	s := simulation{steady: n, idle: 6, drain: 2, ops: int64(every * (n - 1)), heap: sampledHeaps(r, n+8, sampling, all...)}
	s.bytes, s.objects = curve(n, 500, linear(0)), curve(n, 5, linear(0))
	return s
}

func TestChurn(t *testing.T) {
	t.Parallel()
	const perOp = 200 << 10
	r := seeded("churn", 14)
	res := Analyze(churning(r, 14, perOp).run(), DefaultConfig())
	if res.Verdict != RunClean {
		t.Fatalf("churn alone makes the run %s: %+v", res.Verdict, res.Warnings)
	}
	if len(res.Findings) != 1 {
		t.Fatalf("%d findings, want the one of %s: %+v", len(res.Findings), splitter, res.Findings)
	}
	f := res.Findings[0]
	if f.Verdict != Churn || f.Function != splitter || f.Line != 20 || len(f.Parts) != 2 || f.Bytes != nil {
		t.Errorf("%s %s:%d of %d sites, growth %v", f.Verdict, f.Function, f.Line, len(f.Parts), f.Bytes)
	}
	if f.Share < 0.85 || f.Share > 0.95 || reason(f.Reasons, KeepsNothing) == nil || reason(f.Reasons, KeepsNothing).Values.Share != float64(f.Share) {
		t.Errorf("share %.2f, why %+v", f.Share, f.Reasons)
	}
	want := []Part{{File: "/home/u/app/app.go", Line: 20, Share: 0.8}, {File: "/home/u/app/app.go", Line: 40, Share: 0.2}}
	if lines := reason(f.Reasons, ChurnByLine); lines == nil || !alikeParts(lines.Values.Parts, want) {
		t.Errorf("why %+v does not list the two lines as %+v", f.Reasons, want)
	}
	if iv := f.Allocated; iv == nil || math.Abs(iv.Estimate-perOp) > 0.05*perOp || iv.Hi-iv.Lo > 0.1*perOp || iv.Hi-iv.Lo < 0.005*perOp || iv.Lo > iv.Estimate {
		t.Errorf("allocates %+v an operation, want %d", iv, perOp)
	}
}

func TestNoChurnWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		perOp float64
		more  []allocator
		edit  func(*snapshot.Run)
	}{
		{name: "little is allocated", perOp: 40 << 10},
		{name: "it is a small part of all", perOp: 200 << 10, more: []allocator{
			{at(3, "encoding/json.Marshal", "net/http.(*conn).serve"), 1 << 20, 1000, 0},
		}},
		{name: "the operations are not known", perOp: 200 << 10, edit: func(run *snapshot.Run) {
			for _, s := range run.Snapshots {
				s.Ops = nil
			}
		}},
		{name: "who looks allocates", perOp: 10, more: []allocator{
			{at(3, "example.com/app.logged", "runtime/pprof.writeHeap", "net/http/pprof.Index", "example.com/app.logged.func1"), 32 << 10, 3000, 0},
		}},
		{name: "it is kept", perOp: 10, more: []allocator{
			{at(3, "example.com/app.Keep", handler), 32 << 10, 0, 3000},
		}},
	} {
		run := churning(seeded("no churn"+c.name, 14), 14, c.perOp, c.more...).run()
		if c.edit != nil {
			c.edit(run)
		}
		for _, f := range Analyze(run, DefaultConfig()).Findings {
			if f.Verdict == Churn {
				t.Errorf("%s: yet %s is said to churn (%+v, %+v)", c.name, f.Function, *f.Allocated, f.Reasons)
			}
		}
	}
}

func TestChurnComesAfterWhatKeeps(t *testing.T) {
	t.Parallel()
	const n = 14
	r := seeded("churn beside a leak", n)
	s := churning(r, n, 200<<10, allocator{at(7, "example.com/app.Keep", handler), 4 << 10, 0, 40})
	total := 40 * perSample(4<<10) * (n - 1)
	s.bytes, s.objects = curve(n, 500, linear(total)), curve(n, 5, linear(total/(4<<10)))
	res := Analyze(s.run(), DefaultConfig())
	var verdicts []string
	for _, f := range res.Findings {
		verdicts = append(verdicts, fmt.Sprintf("%s %s", f.Verdict, f.Function))
	}
	if got, want := strings.Join(verdicts, ", "), "leak example.com/app.Keep, churn "+splitter; got != want {
		t.Errorf("findings %s, want %s", got, want)
	}
}

// The interval is one of 95 %, for small objects and for such as are nearly all
// sampled, for few samples and for many. It may be wider for few: theirs is
// Garwood's, which is never too narrow.
func TestTheIntervalOfAllocationsHolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size  int64
		count float64 // objects, over the judged snapshots
		most  float64 // of intervals that hold
	}{{64, 5000, 1}, {64, 200_000, 0.97}, {8 << 10, 300, 0.98}, {64 << 10, 2000, 0.98}} {
		r := seeded("allocations", int(c.size))
		p := 1 - math.Exp(-float64(c.size)/sampling)
		w := float64(c.size) / p
		reps, held := repetitions(t, 400), 0
		for range reps {
			k := binomial(r, c.count, p)
			x := allocation{k * w, k * w * w * (1 - p), k}
			if iv := x.perWork(1); iv != nil && iv.Lo <= c.count*float64(c.size) && c.count*float64(c.size) <= iv.Hi {
				held++
			}
		}
		if share := float64(held) / float64(reps); share < 0.93 || share > c.most {
			t.Errorf("%d B, %.0f objects: %.1f %% of %d intervals hold the truth, want 95", c.size, c.count, 100*share, reps)
		}
	}
}

// binomial draws by its definition.
func binomial(r *rand.Rand, n, p float64) float64 {
	k := 0.0
	for range int(n) {
		if r.Float64() < p {
			k++
		}
	}
	return k
}
