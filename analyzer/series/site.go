package series

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Site is what one call path outside the standard library allocates, per
// snapshot. Two stacks are one site when their functions are equal after the
// standard library's leaf frames are trimmed; within a run its parts are told by
// line and object size as well.
//
// With sampling rate R an object of s bytes is sampled with p = 1 − e^(−s/R)
// and stands for w = s/p bytes (METHOD.md, Sites).
type Site struct {
	Key   string          // trimmed function stack, leaf first
	Stack *snapshot.Stack // the whole stack of the largest growth in use

	Bytes    []float64 // in use, estimated
	Objects  []float64 // in use, estimated
	Samples  []float64 // in use, sampled objects: k
	Births   []float64 // sampled objects allocated since the process began
	Live     []float64 // Q_K = Σ w²k of what is in use
	Turnover []float64 // Σ w² of births and deaths since the first snapshot

	AllocBytes []float64 // allocated since the process began, estimated

	parts map[partKey]*Part
	sizes []*SizeSeries // in increasing order
}

// SizeSeries is the sampled objects of one size, per snapshot: in use, and
// allocated since the process began. Sizes are told apart because one call path
// often makes short-lived and kept objects of different sizes.
type SizeSeries struct {
	Size            int64   // bytes; 0 where the profile does not say
	Weight          float64 // bytes a sampled object stands for
	Samples, Births []float64
}

// Part is the objects of one size that one whole stack, lines included, allocates
// at a site: the finest class that a profile tells apart. Two lines of one function
// often make objects of one size, of which one line's are retained. Lines move from
// build to build, so a part has no key of its own: it is told by its site's.
type Part struct {
	SizeSeries
	Stack *snapshot.Stack

	Bytes      []float64 // in use, estimated
	AllocBytes []float64 // allocated since the process began, estimated
}

type partKey struct {
	stack *snapshot.Stack
	size  int64
}

// Weight is w for objects of s bytes sampled at rate R; R ≤ 1 samples everything.
func Weight(s, rate float64) float64 {
	if rate <= 1 || s <= 0 {
		return s
	}
	return s / -math.Expm1(-s/rate)
}

// sampled recovers the sampled objects behind served numbers: round(space/w),
// which is exact for space and not for the truncated object counts. Samples
// without a size label (older or foreign profiles) use the mean size.
func sampled(objects, bytes, size int64, rate float64) (k, w float64) {
	if bytes <= 0 || size <= 0 && objects <= 0 {
		return 0, 0
	}
	s := float64(size)
	if s <= 0 {
		s = float64(bytes) / float64(objects)
	}
	w = Weight(s, rate)
	return math.Round(float64(bytes) / w), w
}

// sites fills Sites and Period, sorted by key.
func (r *Run) sites() {
	n := len(r.Snapshots)
	blank := func() []float64 {
		v, _ := each(r.Snapshots, func(s *snapshot.Snapshot) (int64, bool) { return 0, s.Heap != nil })
		return v
	}
	byKey := map[string]*Site{}
	byStack := map[*snapshot.Stack]*Site{}
	first, last := -1, -1 // of the snapshots with a heap profile
	for i, snap := range r.Snapshots {
		if snap.Heap == nil {
			continue
		}
		if last = i; first < 0 {
			first = i
		}
		if snap.Heap.Period > 0 {
			r.Period = snap.Heap.Period
		}
		rate := float64(snap.Heap.Period)
		for _, x := range snap.Heap.Samples {
			s, ok := byStack[x.Stack]
			if !ok {
				key := SiteKey(x.Stack)
				if s, ok = byKey[key]; !ok {
					s = &Site{
						Key: key, Bytes: blank(), Objects: blank(), Samples: blank(), Births: blank(), Live: blank(),
						Turnover: blank(), AllocBytes: blank(),
						parts: map[partKey]*Part{},
					}
					byKey[key] = s
				}
				byStack[x.Stack] = s
			}
			s.add(i, n, x, rate)
		}
	}
	for _, s := range byKey {
		s.finish(first, last)
	}
	r.Sites = slices.SortedFunc(maps.Values(byKey), func(a, b *Site) int { return strings.Compare(a.Key, b.Key) })
}

func (s *Site) add(i, n int, x snapshot.HeapSample, rate float64) {
	k, w := sampled(x.InuseObjects, x.InuseBytes, x.Size, rate)
	a, wa := sampled(x.AllocObjects, x.AllocBytes, x.Size, rate)
	s.Bytes[i] += float64(x.InuseBytes)
	s.Objects[i] += float64(x.InuseObjects)
	s.Samples[i] += k
	s.Births[i] += a
	s.Live[i] += w * w * k
	// births + deaths = allocated + (allocated − in use)
	s.Turnover[i] += wa*wa*a + wa*wa*math.Max(0, a-k)
	s.AllocBytes[i] += float64(x.AllocBytes)
	p, ok := s.parts[partKey{x.Stack, x.Size}]
	if !ok {
		v := make([]float64, 4*n)
		p = &Part{
			SizeSeries: SizeSeries{Size: x.Size, Samples: v[:n:n], Births: v[n : 2*n : 2*n]},
			Stack:      x.Stack, Bytes: v[2*n : 3*n : 3*n], AllocBytes: v[3*n:],
		}
		s.parts[partKey{x.Stack, x.Size}] = p
	}
	p.Weight = max(p.Weight, w, wa)
	p.Samples[i] += k
	p.Births[i] += a
	p.Bytes[i] += float64(x.InuseBytes)
	p.AllocBytes[i] += float64(x.AllocBytes)
}

// finish makes Turnover count from the first snapshot that has a heap profile
// and picks the stack to show, by those up to the last.
func (s *Site) finish(first, last int) {
	base := s.Turnover[first]
	for i, q := range s.Turnover {
		// A subtracted or trimmed profile could go back: births do not.
		s.Turnover[i] = math.Max(0, q-base)
	}
	grew := map[*snapshot.Stack]float64{}
	bySize := map[int64]*SizeSeries{}
	for _, p := range s.Parts() {
		grew[p.Stack] += lately(p.Bytes[first : last+1])
		z, ok := bySize[p.Size]
		if !ok {
			n := len(p.Samples)
			z = &SizeSeries{Size: p.Size, Samples: make([]float64, n), Births: make([]float64, n)}
			bySize[p.Size] = z
			s.sizes = append(s.sizes, z)
		}
		z.Weight = max(z.Weight, p.Weight)
		for i := range z.Samples {
			z.Samples[i] += p.Samples[i]
			z.Births[i] += p.Births[i]
		}
	}
	s.Stack = largest(grew, compareStacks)
}

// lately is the mean of the last third over that of the third before it: what
// a stack grew by after the warm-up.
func lately(y []float64) float64 {
	k := max(1, len(y)/3)
	g := 0.0
	for i := range k {
		g += y[len(y)-1-i] / float64(k)
		if j := len(y) - 1 - k - i; j >= 0 {
			g -= y[j] / float64(k)
		}
	}
	return g
}

// compareStacks orders by function, then by file and line.
func compareStacks(a, b *snapshot.Stack) int {
	return slices.CompareFunc(a.Frames, b.Frames, func(x, y snapshot.Frame) int {
		return cmp.Or(strings.Compare(x.Function, y.Function), strings.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	})
}

// Sizes returns the site's objects by size, in increasing order.
func (s *Site) Sizes() []*SizeSeries { return s.sizes }

// Parts returns the site's parts by size, then by stack. O(n log n) for n parts.
func (s *Site) Parts() []*Part {
	return slices.SortedFunc(maps.Values(s.parts), func(a, b *Part) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), compareStacks(a.Stack, b.Stack))
	})
}

// StackAllocation is what one whole stack of a site allocated, estimated.
type StackAllocation struct {
	Stack *snapshot.Stack
	Bytes float64
}

// Allocated is what each stack of the site allocated between two snapshots that
// have a heap profile, the most first.
func (s *Site) Allocated(from, to int) []StackAllocation {
	made := map[*snapshot.Stack]float64{}
	for _, p := range s.Parts() {
		made[p.Stack] += p.AllocBytes[to] - p.AllocBytes[from]
	}
	var out []StackAllocation
	for st, bytes := range made {
		if bytes > 0 {
			out = append(out, StackAllocation{st, bytes})
		}
	}
	slices.SortFunc(out, func(a, b StackAllocation) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), compareStacks(a.Stack, b.Stack))
	})
	return out
}

// SiteKey is the key of the site that a heap stack belongs to: Site.Key.
func SiteKey(st *snapshot.Stack) string {
	t := Trim(st.Frames)
	if len(t) == len(st.Frames) {
		return st.Key
	}
	return snapshot.Key(t)
}
