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
// snapshot. Two stacks are one site when they are equal after the standard
// library's leaf frames are trimmed.
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

	stacks map[*snapshot.Stack][]float64 // bytes in use of each whole stack
	allocs map[*snapshot.Stack][]float64 // bytes allocated at each since the process began
	sizes  map[int64]*SizeSeries         // by object size
}

// SizeSeries is the sampled objects of one size at one site, per snapshot: in
// use, and allocated since the process began. Sizes are told apart because one
// call path often makes short-lived and kept objects of different sizes.
type SizeSeries struct {
	Size            int64   // bytes; 0 where the profile does not say
	Weight          float64 // bytes a sampled object stands for
	Samples, Births []float64
}

// weight is w for objects of s bytes sampled at rate R; R ≤ 1 samples everything.
func weight(s, rate float64) float64 {
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
	w = weight(s, rate)
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
						stacks: map[*snapshot.Stack][]float64{}, allocs: map[*snapshot.Stack][]float64{},
						sizes: map[int64]*SizeSeries{},
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
	at(s.stacks, x.Stack, n)[i] += float64(x.InuseBytes)
	at(s.allocs, x.Stack, n)[i] += float64(x.AllocBytes)
	z, ok := s.sizes[x.Size]
	if !ok {
		z = &SizeSeries{Size: x.Size, Weight: max(w, wa), Samples: make([]float64, n), Births: make([]float64, n)}
		s.sizes[x.Size] = z
	}
	z.Samples[i] += k
	z.Births[i] += a
}

// at is the series of a stack, made where there is none yet.
func at(of map[*snapshot.Stack][]float64, st *snapshot.Stack, n int) []float64 {
	y, ok := of[st]
	if !ok {
		y = make([]float64, n)
		of[st] = y
	}
	return y
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
	for st, y := range s.stacks {
		grew[st] = lately(y[first : last+1])
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

// Sizes returns the site's object sizes in increasing order.
func (s *Site) Sizes() []*SizeSeries {
	return slices.SortedFunc(maps.Values(s.sizes), func(a, b *SizeSeries) int { return cmp.Compare(a.Size, b.Size) })
}

// StackAllocation is what one whole stack of a site allocated, estimated.
type StackAllocation struct {
	Stack *snapshot.Stack
	Bytes float64
}

// Allocated is what each stack of the site allocated between two snapshots that
// have a heap profile, the most first.
func (s *Site) Allocated(from, to int) []StackAllocation {
	var out []StackAllocation
	for st, y := range s.allocs {
		if d := y[to] - y[from]; d > 0 {
			out = append(out, StackAllocation{st, d})
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
