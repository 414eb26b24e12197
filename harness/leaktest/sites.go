package leaktest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// scaled makes of a heap profile that was written while sampling was off, and so
// counts samples, one as runtime/pprof writes it at the given rate: a sample of
// objects of s bytes stands for 1/(1 − e^(−s/rate)) of them.
func scaled(unscaled []byte, rate int) ([]byte, error) {
	p, _, err := snapshot.Decode(unscaled)
	if err != nil {
		return nil, fmt.Errorf("read the heap profile back: %w", err)
	}
	p.Period = int64(rate)
	for _, s := range p.Sample {
		// alloc_objects, alloc_space, inuse_objects, inuse_space
		for i := 0; i+1 < len(s.Value); i += 2 {
			objects, space := s.Value[i], s.Value[i+1]
			if objects == 0 || space == 0 || rate <= 1 {
				continue
			}
			size := float64(space) / float64(objects)
			by := 1 / (1 - math.Exp(-size/float64(rate)))
			s.Value[i], s.Value[i+1] = int64(float64(objects)*by), int64(float64(space)*by)
		}
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return nil, fmt.Errorf("write the heap profile: %w", err)
	}
	return b.Bytes(), nil
}

// parsed makes the run that the analysis takes. What called the function under
// test is cut off the stacks: it is this package, by one way or another, and
// would make two sites of one. What the measuring itself allocates is left out.
func parsed(raws []*snapshot.Raw, target snapshot.Target) (*snapshot.Run, error) {
	in := snapshot.NewInterner()
	cut := map[*snapshot.Stack]*snapshot.Stack{}
	same := map[string]*snapshot.Stack{}
	run := &snapshot.Run{Target: target}
	for _, r := range raws {
		s, err := r.Parse(in)
		if err != nil {
			return nil, err
		}
		if s.Heap != nil {
			s.Heap.Samples = slices.DeleteFunc(s.Heap.Samples, func(x snapshot.HeapSample) bool { return ours(x.Stack) })
			for i := range s.Heap.Samples {
				x := &s.Heap.Samples[i]
				if _, ok := cut[x.Stack]; !ok {
					cut[x.Stack] = withoutCaller(x.Stack, same)
				}
				x.Stack = cut[x.Stack]
			}
		}
		run.Snapshots = append(run.Snapshots, s)
	}
	return run, nil
}

// withoutCaller is the stack up to the function under test, the same for equal
// ones.
func withoutCaller(s *snapshot.Stack, same map[string]*snapshot.Stack) *snapshot.Stack {
	n := slices.IndexFunc(s.Frames, func(f snapshot.Frame) bool { return calls(f.Function) })
	if n <= 0 {
		return s
	}
	frames := s.Frames[:n:n]
	var key, id strings.Builder
	for i, f := range frames {
		if i > 0 {
			key.WriteByte('\n')
		}
		key.WriteString(f.Function)
		fmt.Fprintf(&id, "%s\n%s\n%d\n", f.Function, f.File, f.Line)
	}
	known, ok := same[id.String()]
	if !ok {
		known = &snapshot.Stack{Frames: frames, Key: key.String()}
		same[id.String()] = known
	}
	return known
}

// ours reports a stack of the measuring itself.
func ours(s *snapshot.Stack) bool {
	mine := false
	for _, f := range s.Frames {
		if calls(f.Function) {
			return false
		}
		mine = mine || strings.Contains(f.Function, "/leaktest.(*running).")
	}
	return mine
}

// calls reports the function of this package that calls the one under test.
func calls(function string) bool { return strings.HasSuffix(function, "/leaktest.(*operator).work") }
