package session

import (
	"os"
	"syscall"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
)

// keepMapped maps memory that the Go runtime knows nothing of, and touches it.
func keepMapped(n int) error {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
	return err
}

// A real process that maps memory and never gives it back has a calm Go heap:
// what grows is named all the same, with its size. One that allocates as much and
// drops it raises nothing.
func TestMemoryOutsideTheGoHeapIsFound(t *testing.T) {
	t.Parallel()
	for mode, leaks := range map[string]bool{"maps": true, "healthy": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cfg, _ := short(t, mode)
			out, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			var found *detect.Finding
			for i, f := range out.Result.Findings {
				if f.Function == detect.OutsideGoHeap {
					found = &out.Result.Findings[i]
				}
			}
			if !leaks {
				if found != nil {
					t.Errorf("a healthy process has %+v", *found)
				}
				return
			}
			if found == nil || found.Verdict != detect.Suspect || found.Bytes.On(detect.PerOp) == nil {
				t.Fatalf("%+v is found, want a suspect outside the Go heap; warnings %+v", found, out.Result.Warnings)
			}
			// The race detector keeps memory of its own, outside the heap as well.
			if iv := found.Bytes; !underRace && (iv.Estimate < 0.95*mappedPerOp || iv.Estimate > 1.05*mappedPerOp) && (iv.Lo > mappedPerOp || iv.Hi < mappedPerOp) {
				t.Errorf("%.0f [%.0f, %.0f] B/op, want %d", iv.Estimate, iv.Lo, iv.Hi, mappedPerOp)
			}
			if out.Result.Verdict == detect.RunClean {
				t.Error("and yet the run is called clean")
			}
		})
	}
}
