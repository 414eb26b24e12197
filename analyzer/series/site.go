package series

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Site is what one call path outside the standard library allocates, per
// snapshot. Two stacks are one site when they are equal after the standard
// library's leaf frames are trimmed.
//
// With sampling rate R an object of s bytes is sampled with p = 1 − e^(−s/R)
// and stands for w = s/p bytes (METHOD.md, section 3).
type Site struct {
	Key   string          // trimmed function stack, leaf first
	Stack *snapshot.Stack // the whole stack of the largest growth in use

	Bytes    []float64 // in use, estimated
	Objects  []float64 // in use, estimated
	Samples  []float64 // in use, sampled objects: k
	Births   []float64 // sampled objects allocated since the process began
	Live     []float64 // Q_K = Σ w²k of what is in use
	Turnover []float64 // Σ w² of births and deaths since the first snapshot

	AllocBytes   []float64 // allocated since the process began, estimated
	AllocObjects []float64

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

// weight is p and w for objects of s bytes sampled at rate R; R ≤ 1 samples
// everything.
func weight(s, rate float64) (p, w float64) {
	if rate <= 1 || s <= 0 {
		return 1, s
	}
	p = -math.Expm1(-s / rate)
	return p, s / p
}

// sampled recovers the sampled objects behind served numbers: round(space/w),
// which is exact for space and not for the truncated object counts. Samples
// without a size label (older or foreign profiles) use the mean size.
func sampled(objects, bytes, size int64, rate float64) (k, w float64) {
	if bytes <= 0 {
		return 0, 0
	}
	s := float64(size)
	if s <= 0 {
		if objects <= 0 {
			return 0, 0
		}
		s = float64(bytes) / float64(objects)
	}
	_, w = weight(s, rate)
	return math.Round(float64(bytes) / w), w
}

// sites fills Sites and Period, sorted by key.
func (r *Run) sites() {
	n := len(r.Snapshots)
	nan := func() []float64 {
		v := make([]float64, n)
		for i, s := range r.Snapshots {
			if s.Heap == nil {
				v[i] = math.NaN()
			}
		}
		return v
	}
	byKey := map[string]*Site{}
	byStack := map[*snapshot.Stack]*Site{}
	var order []*Site
	for i, snap := range r.Snapshots {
		if snap.Heap == nil {
			continue
		}
		if snap.Heap.Period > 0 {
			r.Period = snap.Heap.Period
		}
		rate := float64(snap.Heap.Period)
		for _, x := range snap.Heap.Samples {
			s, ok := byStack[x.Stack]
			if !ok {
				key := trimmedKey(x.Stack)
				if s, ok = byKey[key]; !ok {
					s = &Site{
						Key: key, Bytes: nan(), Objects: nan(), Samples: nan(), Births: nan(), Live: nan(),
						Turnover: nan(), AllocBytes: nan(), AllocObjects: nan(),
						stacks: map[*snapshot.Stack][]float64{}, allocs: map[*snapshot.Stack][]float64{},
						sizes: map[int64]*SizeSeries{},
					}
					byKey[key] = s
					order = append(order, s)
				}
				byStack[x.Stack] = s
			}
			s.add(i, n, x, rate)
		}
	}
	for _, s := range order {
		s.finish(r.Snapshots)
	}
	sort.Slice(order, func(i, j int) bool { return order[i].Key < order[j].Key })
	r.Sites = order
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
	s.AllocObjects[i] += float64(x.AllocObjects)
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

// finish makes Turnover count from the first snapshot and picks the stack to
// show.
func (s *Site) finish(snaps []*snapshot.Snapshot) {
	first := -1
	last := -1
	base := 0.0
	for i := range snaps {
		if snaps[i].Heap == nil {
			continue
		}
		if first < 0 {
			first, base = i, s.Turnover[i]
		}
		last = i
		// A subtracted or trimmed profile could go back: births do not.
		s.Turnover[i] = math.Max(0, s.Turnover[i]-base)
	}
	best, bestGrowth := (*snapshot.Stack)(nil), 0.0
	for st, y := range s.stacks {
		g := lately(y[first : last+1])
		if best == nil || g > bestGrowth || g == bestGrowth && less(st, best) {
			best, bestGrowth = st, g
		}
	}
	s.Stack = best
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

// less orders stacks by function, then by file and line.
func less(a, b *snapshot.Stack) bool {
	return slices.CompareFunc(a.Frames, b.Frames, func(x, y snapshot.Frame) int {
		return cmp.Or(strings.Compare(x.Function, y.Function), strings.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	}) < 0
}

// Sizes returns the site's object sizes in increasing order.
func (s *Site) Sizes() []*SizeSeries {
	out := make([]*SizeSeries, 0, len(s.sizes))
	for _, z := range s.sizes {
		out = append(out, z)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Size < out[j].Size })
	return out
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
	sort.Slice(out, func(i, j int) bool {
		if out[i].Bytes != out[j].Bytes {
			return out[i].Bytes > out[j].Bytes
		}
		return less(out[i].Stack, out[j].Stack)
	})
	return out
}

func trimmedKey(st *snapshot.Stack) string {
	t := Trim(st.Frames)
	if len(t) == len(st.Frames) {
		return st.Key
	}
	return functions(t)
}

func functions(frames []snapshot.Frame) string {
	var b strings.Builder
	for i, f := range frames {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.Function)
	}
	return b.String()
}
