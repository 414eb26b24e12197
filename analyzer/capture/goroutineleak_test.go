package capture

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// leakToolchain is a release that serves goroutineleak without being asked to.
const leakToolchain = "go1.27.0"

// A program that was built with Go 1.27 offers the goroutineleak profile, and its
// last snapshot holds the goroutines that can never run again.
func TestGo127OffersGoroutineLeak(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program with " + leakToolchain)
	}
	env := append(os.Environ(), "GOTOOLCHAIN="+leakToolchain, "GOFLAGS=-buildvcs=false", "GOEXPERIMENT=")
	version := exec.CommandContext(t.Context(), "go", "version")
	version.Env = env
	if out, err := version.CombinedOutput(); err != nil || !strings.Contains(string(out), leakToolchain) {
		t.Skipf("the toolchain %s cannot be had: %v %s", leakToolchain, err, out)
	}
	exe := filepath.Join(t.TempDir(), "stuck")
	// The first build compiles the standard library.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", exe, "testdata/stuck/main.go")
	build.Env = env
	if out, err := build.CombinedOutput(); ctx.Err() != nil {
		t.Skip("this machine is too busy to build a program with " + leakToolchain)
	} else if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	child := exec.CommandContext(t.Context(), exe)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		child.Wait()
	}()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	c, err := New(Config{URL: strings.TrimSpace(addr)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o, err := c.Offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !o.Has(PieceGoroutineLeak) {
		t.Fatalf("%s does not offer it: %+v", leakToolchain, o.Missing())
	}
	raw, err := c.Snapshot(t.Context(), Options{Leak: true})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := snapshot.Decode(raw.GoroutineLeak)
	if err != nil {
		t.Fatalf("goroutineleak: %v; missing %q", err, raw.Missing)
	}
	stuck := int64(0)
	for _, s := range p.Sample {
		for _, l := range s.Location {
			for _, line := range l.Line {
				if strings.HasPrefix(line.Function.Name, "main.leak.") {
					stuck += s.Value[0]
				}
			}
		}
	}
	if stuck != 9 {
		t.Errorf("%d goroutines of main.leak are proved to be stuck, want 9; %v", stuck, p)
	}
}
