package detect

import (
	"math"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// atLine is a stack of the user's own functions of which the leaf is at a line and
// the rest stay where they are.
func atLine(line int, functions ...string) *snapshot.Stack {
	s := at(1, functions...)
	s.Frames[0].Line = line
	return s
}

// Two lines of one function make objects of one size, and one of them keeps its
// own. The other is busy enough to hide that in the sum of both.
func TestOneLineOfASite(t *testing.T) {
	t.Parallel()
	line := func(n int) *snapshot.Stack {
		return atLine(n, "example.com/app.Watch", "example.com/app.Handle", handler)
	}
	const perSnapshot = 3.0
	keeps := allocator{line(41), 96, 0, perSnapshot}
	dies := allocator{line(46), 96, 400, 0}
	total := perSnapshot * 19 * perSample(96)
	res := Analyze(leaky(total, sampledHeaps(seeded("line", 1), 20, sampling, keeps, dies)).run(), DefaultConfig())
	f := find(res, "example.com/app.Watch")
	if f == nil || f.Verdict != Leak || f.Line != 41 {
		t.Fatalf("findings %+v, want a leak at line 41", res.Findings)
	}
	if f.ID != SiteID("example.com/app.Watch\nexample.com/app.Handle\n"+handler) {
		t.Errorf("id %s: lines must not change it", f.ID)
	}
	if want := total / 10_000; f.Bytes.Lo > want || f.Bytes.Hi < want || f.Bytes.Hi > 2.5*want {
		t.Errorf("%+v B/op, want about %.1f", *f.Bytes, want)
	}
	if each := f.Bytes.Estimate / f.Objects.Estimate; math.Abs(each-96) > 0.5 {
		t.Errorf("%.1f bytes an object, want 96", each)
	}
	if r := reasonOf(f, PartOfSite); r == nil || r.Values.Bytes != 96 || len(r.Values.Parts) != 1 || r.Values.Parts[0].Line != 41 {
		t.Errorf("why %+v, want that objects of 96 bytes at line 41 grow and the others do not", f.Reasons)
	}
}

// The tests of a site do not become stricter where it has parts that are tested
// too, and the parts share a tenth of its level.
func TestPartsHaveALevelOfTheirOwn(t *testing.T) {
	t.Parallel()
	line := func(n int) *snapshot.Stack {
		return atLine(n, "example.com/app.Watch", "example.com/app.Handle", handler)
	}
	alpha := DefaultConfig().Alpha
	for _, c := range []struct {
		name  string
		all   []allocator
		level float64
	}{
		{"one line", []allocator{{line(1), 96, 40, 8}}, alpha},
		{"two lines that keep", []allocator{{line(1), 96, 0, 8}, {line(2), 96, 0, 8}}, alpha},
		{"one of two lines", []allocator{{line(1), 96, 0, 3}, {line(2), 96, 400, 0}}, alphaParts * alpha / 2},
		{"one of two sizes", []allocator{{line(1), 96, 0, 3}, {line(1), 112, 400, 0}}, alphaParts * alpha / 2},
	} {
		j := judge(leaky(3e6, sampledHeaps(seeded("level", 1), 20, sampling, c.all...)).run(), DefaultConfig())
		if len(j.sites) != 1 || math.Abs(j.sites[0].Slope.Bound-c.level) > 1e-12 || j.sites[0].Verdict != Leak {
			t.Errorf("%s: %+v at the level %v, want a leak at %v", c.name, j.sites[0].Decision, j.sites[0].Slope.Bound, c.level)
		}
	}
}

// A small leak beside a large one is few of the bytes and half of the objects.
func TestASmallLeakBesideALargeOne(t *testing.T) {
	t.Parallel()
	big := allocator{at(36, "example.com/app.Big", "example.com/app.Handle", handler), 9472, 0, 60}
	small := allocator{at(37, "example.com/app.Small", "example.com/app.Handle", handler), 80, 0, 0.8}
	calm := allocator{at(38, "example.com/app.Calm", "example.com/app.Handle", handler), 80, 30, 0}
	bytes := func(a allocator) float64 { return a.kept * 19 * perSample(float64(a.size)) }
	count := func(a allocator) float64 { return bytes(a) / float64(a.size) }
	heap := sampledHeaps(seeded("two", 3), 20, sampling, big, small, calm)
	for _, c := range []struct {
		name    string
		objects float64
		want    Verdict // of app.Small
	}{
		{"the objects of both", count(big) + count(small), Suspect},
		{"the objects of the large one alone", count(big), Unknown},
	} {
		s := simulation{steady: 20, ops: 5_000, bytes: curve(20, 100, linear(bytes(big)+bytes(small))), objects: curve(20, 2, linear(c.objects)), heap: heap}
		res := Analyze(s.run(), DefaultConfig())
		if f := find(res, "example.com/app.Big"); f == nil || f.Verdict != Leak {
			t.Errorf("%s: findings %+v, want a leak at app.Big", c.name, res.Findings)
		}
		got := Unknown
		if f := find(res, "example.com/app.Small"); f != nil {
			got = f.Verdict
		}
		if got != c.want || find(res, "example.com/app.Calm") != nil {
			t.Errorf("%s: app.Small is %q in %+v, want %q", c.name, got, res.Findings, c.want)
		}
	}
}

// The small leak has not been sampled: the count of objects tells that there is more,
// and the size classes of which size.
func TestObjectsThatSamplingHasNotSeen(t *testing.T) {
	t.Parallel()
	big := allocator{at(36, "example.com/app.Big", "example.com/app.Handle", handler), 9472, 0, 60}
	bytes := big.kept * 19 * perSample(9472)
	heap := sampledHeaps(seeded("unseen", 1), 20, sampling, big)
	for _, c := range []struct {
		name   string
		others float64 // objects of 64 bytes for each large one
		says   bool
	}{{"as many", 1, true}, {"none", 0, false}} {
		count := bytes / 9472
		s := simulation{steady: 20, ops: 5_000, bytes: curve(20, 100, linear(bytes+64*c.others*count)), objects: curve(20, 2, linear((1+c.others)*count)), heap: heap}
		run := bySize(s.run(), func(i int, size uint32) float64 {
			if size == 64 {
				return 20_000 + c.others*count*float64(i)/19
			}
			return 20_000
		})
		res := Analyze(run, DefaultConfig())
		f := find(res, "example.com/app.Big")
		if f == nil || f.Verdict != Leak || saysAny(f.Reasons, ObjectsUnseen) != c.says {
			t.Fatalf("%s: findings %+v, want a leak at app.Big that tells of unseen objects: %v", c.name, res.Findings, c.says)
		}
		if sizes := reasonOf(f, SizesThatGrow); (sizes != nil) != c.says || c.says && (len(sizes.Values.Parts) != 1 || sizes.Values.Parts[0].Bytes != 64) {
			t.Errorf("%s: sizes %+v, want 64 bytes: %v", c.name, sizes, c.says)
		}
	}
}

// A block of 16 bytes counts for the site that opened it, whose own object in it may
// be dead.
func TestSharedBlocks(t *testing.T) {
	t.Parallel()
	opens := func(size int64) allocator {
		return allocator{at(41, "example.com/app.Format", "example.com/app.Handle", handler), size, 0, 12}
	}
	for _, c := range []struct {
		size int64
		want Verdict
	}{{16, Suspect}, {24, Leak}, {8, Leak}} {
		total := 12 * 19 * perSample(float64(c.size))
		res := Analyze(leaky(total, sampledHeaps(seeded("tiny", 1), 20, sampling, opens(c.size))).run(), DefaultConfig())
		f := find(res, "example.com/app.Format")
		if res.Verdict != RunLeak || f == nil || f.Verdict != c.want || saysAny(f.Reasons, SharedBlocks) != (c.want == Suspect) || f.Share < 0.7 {
			t.Errorf("%d bytes: the run is %s with %+v, want a leak and %s at app.Format", c.size, res.Verdict, res.Findings, c.want)
		}
	}
}

// A container that grows is told beside a leak elsewhere, and so is what rose among
// the rest that no site explains.
func TestWhatGrowsBesideALeak(t *testing.T) {
	t.Parallel()
	keep := allocator{at(2, "example.com/app.Keep", "example.com/app.Handle", handler), 128, 0, 12}
	total := 12 * 19 * perSample(128)
	heap := sampledHeaps(seeded("beside", 1), 20, sampling, keep)
	for i, h := range appended(20, func(i int) float64 { return 100_000 * float64(i+1) }) {
		heap[i].Samples = append(heap[i].Samples, h.Samples...)
	}
	res := Analyze(leaky(total+1.4e6, heap).run(), DefaultConfig())
	if f := find(res, "example.com/app.Append"); f == nil || f.Verdict != Growing || !saysAny(f.Reasons, ContainerShort) {
		t.Errorf("findings %+v, want the container as well", res.Findings)
	}

	// Half of what is born at app.Table dies, as tables that are split do.
	table, churn := at(3, "example.com/app.Table", "example.com/app.Handle", handler), at(4, "example.com/app.Parse", "example.com/app.Handle", handler)
	heap = sampledHeaps(seeded("rest", 1), 20, sampling, keep)
	const size = 200_000
	for i := range heap {
		n := int64(i / 3)
		heap[i].Samples = append(heap[i].Samples,
			snapshot.HeapSample{Stack: table, Size: size, InuseObjects: n, InuseBytes: n * size, AllocObjects: 3 * n, AllocBytes: 3 * n * size},
			snapshot.HeapSample{Stack: churn, Size: size, InuseObjects: int64(2 - i%3), InuseBytes: int64(2-i%3) * size, AllocObjects: int64(9 + 9*i), AllocBytes: int64(9+9*i) * size})
	}
	res = Analyze(leaky(1.8*total, heap).run(), DefaultConfig())
	r := reasonOf(find(res, Unattributed), GrewUnproved)
	if r == nil || len(r.Values.Parts) != 1 || r.Values.Parts[0].Function != "example.com/app.Table" || r.Values.Parts[0].Line != 3 {
		t.Errorf("findings %+v, want (unattributed) to list app.Table alone", res.Findings)
	}
}
