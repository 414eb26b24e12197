package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// Kind is what a pprof profile measures.
type Kind string

// The kinds that heapdrift knows. KindOther profiles (cpu, mutex, block, …)
// are refused by name.
const (
	KindHeap      Kind = "heap"
	KindGoroutine Kind = "goroutine"
	KindOther     Kind = "other"
)

// ErrNotProfile is wrapped by the errors of bytes that are no pprof profile.
var ErrNotProfile = errors.New("not a pprof profile")

// HeapSample is the sampled memory of one stack and one object size. Numbers
// are as served: scaled up by the program under test.
type HeapSample struct {
	Stack        *Stack
	Size         int64 // bytes an object, from the "bytes" label; 0 where absent
	AllocObjects int64
	AllocBytes   int64
	InuseObjects int64
	InuseBytes   int64
}

// Heap is a parsed heap profile. Period is the sampling rate in bytes
// (MemProfileRate); 0 means that sampling was off.
type Heap struct {
	Time    time.Time
	Period  int64
	Samples []HeapSample
}

// GoroutineSample counts the goroutines with one stack.
type GoroutineSample struct {
	Stack *Stack
	Count int64
}

// Goroutines is a parsed goroutine profile.
type Goroutines struct {
	Time    time.Time
	Total   int64
	Samples []GoroutineSample
}

// kindOf tells a profile's kind from its sample types.
func kindOf(p *profile.Profile) Kind {
	switch {
	case index(p, "inuse_space") >= 0:
		return KindHeap
	case index(p, "goroutine") >= 0, index(p, "goroutineleak") >= 0:
		return KindGoroutine
	}
	return KindOther
}

// ParseHeap reads a heap profile.
func ParseHeap(data []byte, in *Interner) (*Heap, error) {
	p, kind, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("heap profile: %w", err)
	}
	if kind != KindHeap {
		return nil, fmt.Errorf("heap profile: it is of another kind (%s); want one with inuse_space", SampleTypes(p))
	}
	return HeapOf(p, in), nil
}

// HeapOf converts a decoded profile of KindHeap.
func HeapOf(p *profile.Profile, in *Interner) *Heap {
	h := &Heap{Period: p.Period, Samples: make([]HeapSample, 0, len(p.Sample))}
	if p.TimeNanos > 0 {
		h.Time = time.Unix(0, p.TimeNanos).UTC()
	}
	ao, ab, io, ib := index(p, "alloc_objects"), index(p, "alloc_space"), index(p, "inuse_objects"), index(p, "inuse_space")
	st := in.stacker(p)
	for _, s := range p.Sample {
		x := HeapSample{
			Stack:        st.stack(s),
			AllocObjects: value(s, ao), AllocBytes: value(s, ab),
			InuseObjects: value(s, io), InuseBytes: value(s, ib),
		}
		if l := s.NumLabel["bytes"]; len(l) > 0 && l[0] > 0 {
			x.Size = l[0]
		}
		h.Samples = append(h.Samples, x)
	}
	return h
}

// ParseGoroutines reads a goroutine (or goroutineleak) profile.
func ParseGoroutines(data []byte, in *Interner) (*Goroutines, error) {
	p, kind, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("goroutine profile: %w", err)
	}
	if kind != KindGoroutine {
		return nil, fmt.Errorf("goroutine profile: it is of another kind (%s)", SampleTypes(p))
	}
	return GoroutinesOf(p, in), nil
}

// GoroutinesOf converts a decoded profile of KindGoroutine.
func GoroutinesOf(p *profile.Profile, in *Interner) *Goroutines {
	g := &Goroutines{Samples: make([]GoroutineSample, 0, len(p.Sample))}
	if p.TimeNanos > 0 {
		g.Time = time.Unix(0, p.TimeNanos).UTC()
	}
	st := in.stacker(p)
	for _, s := range p.Sample {
		n := value(s, 0)
		g.Total += n
		g.Samples = append(g.Samples, GoroutineSample{Stack: st.stack(s), Count: n})
	}
	return g
}

// index is that of a sample type, −1 where the profile lacks it.
func index(p *profile.Profile, name string) int {
	return slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == name })
}

// value is sample value i, 0 where the profile lacks it; negative values
// (of a hand-made or subtracted profile) count as 0.
func value(s *profile.Sample, i int) int64 {
	if i < 0 || i >= len(s.Value) {
		return 0
	}
	return max(0, s.Value[i])
}

// SampleTypes names what a profile measures, for messages.
func SampleTypes(p *profile.Profile) string {
	var names []string
	for _, t := range p.SampleType {
		names = append(names, t.Type)
	}
	if len(names) == 0 {
		return "no sample types"
	}
	return strings.Join(names, ", ")
}
