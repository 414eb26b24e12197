package snapshot

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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

// Limits of one profile, far above what a Go program serves (a stack a sample,
// some 100 bytes each): outside data must not be able to fill the memory.
const (
	MaxProfileBytes    = 128 << 20 // inflated
	maxProfileMessages = 4 << 20   // samples, locations, functions, strings together
)

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
	return parse(data, in, KindHeap, "; want one with inuse_space", HeapOf)
}

// ParseGoroutines reads a goroutine (or goroutineleak) profile.
func ParseGoroutines(data []byte, in *Interner) (*Goroutines, error) {
	return parse(data, in, KindGoroutine, "", GoroutinesOf)
}

func parse[T any](data []byte, in *Interner, want Kind, remedy string, of func(*profile.Profile, *Interner) *T) (*T, error) {
	p, kind, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s profile: %w", want, err)
	}
	if kind != want {
		return nil, fmt.Errorf("%s profile: it is of another kind (%s)%s", want, SampleTypes(p), remedy)
	}
	return of(p, in), nil
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

// Decode reads a pprof profile, gzip or not, and reports its kind. Only the
// protocol buffer that Go writes is read: the older text formats carry no
// function names. Stacks are in p.Sample; p is checked to be consistent. The
// error wraps ErrNotProfile.
func Decode(data []byte) (*profile.Profile, Kind, error) {
	data, err := Inflate(data)
	if err != nil {
		return nil, "", err
	}
	var p *profile.Profile
	if err = plausible(data, maxProfileMessages); err == nil {
		p, err = profile.ParseUncompressed(data)
	}
	if err == nil {
		err = p.CheckValid()
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrNotProfile, err)
	}
	return p, kindOf(p), nil
}

// Inflate decompresses a profile to at most MaxProfileBytes; bytes that are
// not gzip are returned as they are. The error wraps ErrNotProfile.
func Inflate(data []byte) ([]byte, error) { return inflate(data, MaxProfileBytes) }

func inflate(data []byte, limit int) ([]byte, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNotProfile)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		zr, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%w: its gzip header is broken: %w", ErrNotProfile, err)
		}
		var out bytes.Buffer
		out.Grow(min(8*len(data), limit))
		_, err = io.Copy(&out, io.LimitReader(zr, int64(limit)+1))
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%w: it was cut short: %w", ErrNotProfile, err)
		case err != nil:
			return nil, fmt.Errorf("%w: it does not decompress: %w", ErrNotProfile, err)
		}
		data = out.Bytes()
	}
	if len(data) > limit {
		return nil, fmt.Errorf("%w: it is larger than the limit of %d MiB after decompression", ErrNotProfile, limit>>20)
	}
	return data, nil
}

// plausible walks the outermost fields of a protocol buffer: bytes that are
// none, and ones with so many messages that decoding would take gigabytes, end
// here.
func plausible(b []byte, limit int) error {
	for n := 0; len(b) > 0; n++ {
		if n >= limit {
			return fmt.Errorf("it holds more than %d messages", limit)
		}
		tag, k := binary.Uvarint(b)
		if k <= 0 || tag>>3 == 0 {
			return errors.New("its bytes are no protocol buffer")
		}
		b = b[k:]
		skip := 0
		switch tag & 7 {
		case 0:
			_, skip = binary.Uvarint(b)
		case 1:
			skip = 8
		case 2:
			if l, k := binary.Uvarint(b); k > 0 && l <= uint64(len(b)-k) {
				skip = k + int(l)
			}
		case 5:
			skip = 4
		default:
			return errors.New("its bytes are no protocol buffer")
		}
		switch {
		case skip <= 0:
			return errors.New("its bytes are no protocol buffer, or it was cut short")
		case skip > len(b):
			return errors.New("it was cut short")
		}
		b = b[skip:]
	}
	return nil
}
