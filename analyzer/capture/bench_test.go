package capture

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// benchTarget names the environment variable that makes this test binary the
// target of a benchmark: "live MiB, sites", as "256,2000".
const benchTarget = "HEAPDRIFT_BENCH_TARGET"

// runBenchTarget serves pprof over a heap of the given size until its standard
// input ends; "GET /cpu" answers the CPU time used so far, in nanoseconds.
func runBenchTarget(spec string) error {
	var mib, sites int
	if _, err := fmt.Sscanf(spec, "%d,%d", &mib, &sites); err != nil {
		return err
	}
	const object = 512
	for i := range mib << 20 / object {
		held.blocks = append(held.blocks, allocateAt(i%sites, object))
	}
	runtime.GC()
	mux := pprofMux()
	mux.HandleFunc("/cpu", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, processCPU().Nanoseconds())
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	srv := &http.Server{Handler: mux}
	go func() { _, _ = bufio.NewReader(os.Stdin).ReadByte(); _ = srv.Close() }()
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// allocateAt allocates n bytes under a call stack of its own for each site: the
// binary digits of site choose the way down.
//
//go:noinline
func allocateAt(site, n int) []byte {
	switch {
	case site == 0:
		return make([]byte, n)
	case site%2 == 0:
		return allocateAt(site/2, n)
	}
	return allocateAt(site/2, n)
}

// startTarget starts this test binary as a target.
func startTarget(b *testing.B, spec string) string {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Skip(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), benchTarget+"="+spec)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(addr)
}

func targetCPU(b *testing.B, c *Client) time.Duration {
	b.Helper()
	u := *c.metrics
	u.Path = "/cpu"
	var text string
	err := c.get(b.Context(), request{url: &u, want: "CPU time", page: true, read: func(r io.Reader) error {
		line, err := bufio.NewReader(r).ReadString('\n')
		text = line
		if line != "" {
			err = nil
		}
		return err
	}})
	if err != nil {
		b.Fatal(err)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(ns)
}

// BenchmarkSnapshotCost measures what one snapshot costs a target, in CPU time
// of the target and wall time, against heaps of three sizes at the sampling
// rate of a started child (16 KiB). x-collections is the CPU time in the unit
// of two bare collections of the same target (heap?gc=1 twice costs at least
// that): what the profiles add to the unavoidable.
func BenchmarkSnapshotCost(b *testing.B) {
	for _, x := range []struct {
		name, spec string
	}{
		{"heap=1MiB/sites=30", "1,30"},
		{"heap=64MiB/sites=2000", "64,2000"},
		{"heap=512MiB/sites=2000", "512,2000"},
	} {
		b.Run(x.name, func(b *testing.B) {
			c := client(b, Config{URL: startTarget(b, x.spec)})
			cost := func(f func() error) time.Duration {
				before := targetCPU(b, c)
				if err := f(); err != nil {
					b.Fatal(err)
				}
				return targetCPU(b, c) - before
			}
			var bare, whole, wall time.Duration
			var bytes int64
			n := 0
			for b.Loop() {
				bare += cost(func() error {
					t := &snapshotTaker{c: c, opt: noPause, raw: &snapshot.Raw{Meta: snapshot.Meta{Cost: &snapshot.Cost{}}}}
					t.settle(context.Background())
					t.settle(context.Background())
					return nil
				})
				whole += cost(func() error {
					raw, err := c.Snapshot(b.Context(), noPause)
					if err == nil {
						wall += time.Duration(raw.Cost.Seconds * 1e9)
						bytes += raw.Cost.Bytes
					}
					return err
				})
				n++
			}
			b.ReportMetric(0, "ns/op") // of the two together: says nothing
			b.ReportMetric(float64(whole.Microseconds())/float64(n), "target-cpu-µs/snapshot")
			b.ReportMetric(float64(wall.Microseconds())/float64(n), "wall-µs/snapshot")
			b.ReportMetric(float64(bytes)/float64(n), "bytes/snapshot")
			b.ReportMetric(float64(whole)/float64(max(bare, 1)), "x-collections")
		})
	}
}

// BenchmarkOpen measures the reading of a bundle, per snapshot, with the
// profiles of this process; x-decode is the time in the unit of the bare
// decoding of one of its heap profiles by the pprof library.
func BenchmarkOpen(b *testing.B) {
	const snapshots = 60
	c := client(b, Config{URL: serve(b, pprofMux()).URL})
	bundle, err := Create(filepath.Join(b.TempDir(), "run"), Header{})
	if err != nil {
		b.Fatal(err)
	}
	var last *snapshot.Raw
	for range snapshots {
		if last, err = c.Snapshot(b.Context(), noPause); err != nil {
			b.Fatal(err)
		}
		if _, err := bundle.Add(last); err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now()
	for range snapshots {
		if _, _, err := snapshot.Decode(last.Heap); err != nil {
			b.Fatal(err)
		}
	}
	decode := time.Since(start)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, err := Open(b.Context(), bundle.Dir()); err != nil {
			b.Fatal(err)
		}
		n++
	}
	perRun := float64(b.Elapsed()) / float64(n)
	b.ReportMetric(perRun/snapshots/1e3, "µs/snapshot")
	b.ReportMetric(float64(len(last.Heap)), "heap-bytes")
	b.ReportMetric(perRun/float64(decode), "x-decode")
}

// BenchmarkAdd measures the writing of one snapshot, flushed to the disk.
func BenchmarkAdd(b *testing.B) {
	bundle, err := Create(b.TempDir(), Header{})
	if err != nil {
		b.Fatal(err)
	}
	r := raw(b, 0)
	for b.Loop() {
		if _, err := bundle.Add(r); err != nil {
			b.Fatal(err)
		}
	}
}
