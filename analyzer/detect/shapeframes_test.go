package detect

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// keptBy names the file that a child process writes its heap profile to.
const keptBy = "DETECT_TEST_KEPT"

// The habits are read off the frames of this toolchain's own library, and of the
// metrics library that the project uses: a child process keeps one of each kind
// and every sample of it, and what a site of that call path would be called is
// asked.
func TestShapesOfRealFrames(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "heap.pb.gz")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKeepOneOfEachKind$")
	cmd.Env = append(os.Environ(), keptBy+"="+out, "GODEBUG=memprofilerate=1")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	heap, err := snapshot.ParseHeap(data, snapshot.NewInterner())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ function, shape string }{
		{"keepTickers", shapeTimer}, {"keepTimers", shapeTimer}, {"keepFunctions", shapeTimer},
		{"keepChildren", shapeContext}, {"keepDeadlines", shapeContext}, {"keepWatchers", shapeContext},
		{"keepSeries", shapeLabels}, {"keepHistograms", shapeLabels},
		{"keepPlain", ""},
	} {
		bytes := map[string]int64{} // by shape
		most := int64(0)
		for _, s := range heap.Samples {
			if !slices.ContainsFunc(s.Stack.Frames, func(f snapshot.Frame) bool { return strings.HasSuffix(f.Function, "detect."+c.function) }) {
				continue
			}
			f := Finding{Verdict: Leak, Stack: s.Stack.Frames}
			f.guessShape()
			bytes[strings.TrimSuffix(f.Shape, guessed)] += s.InuseBytes
			most += s.InuseBytes
		}
		if most == 0 || float64(bytes[c.shape]) < 0.8*float64(most) {
			t.Errorf("%s keeps %d bytes, of which %v by shape; want nearly all to be %q", c.function, most, bytes, c.shape)
		}
	}
}

// TestKeepOneOfEachKind is the child of TestShapesOfRealFrames.
func TestKeepOneOfEachKind(t *testing.T) {
	out := os.Getenv(keptBy)
	if out == "" {
		t.Skip("it is the child of another test")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const n = 500
	kept := []any{
		keepTickers(n), keepTimers(n), keepFunctions(n), keepChildren(ctx, n), keepDeadlines(ctx, n), keepWatchers(ctx, n),
		keepSeries(n), keepHistograms(n), keepPlain(n),
	}
	runtime.GC()
	runtime.GC()
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pprof.Lookup("heap").WriteTo(f, 0); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(kept)
}

func keepTickers(n int) (all []*time.Ticker) {
	for range n {
		all = append(all, time.NewTicker(time.Hour))
	}
	return all
}

func keepTimers(n int) (all []<-chan time.Time) {
	for range n {
		all = append(all, time.After(time.Hour))
	}
	return all
}

func keepFunctions(n int) (all []*time.Timer) {
	for range n {
		all = append(all, time.AfterFunc(time.Hour, func() {}))
	}
	return all
}

func keepChildren(ctx context.Context, n int) (all []context.CancelFunc) {
	for range n {
		_, cancel := context.WithCancel(ctx)
		all = append(all, cancel)
	}
	return all
}

func keepDeadlines(ctx context.Context, n int) (all []context.CancelFunc) {
	for range n {
		_, cancel := context.WithTimeout(ctx, time.Hour)
		all = append(all, cancel)
	}
	return all
}

func keepWatchers(ctx context.Context, n int) (all []func() bool) {
	for range n {
		all = append(all, context.AfterFunc(ctx, func() {}))
	}
	return all
}

func keepSeries(n int) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"id"})
	for i := range n {
		v.WithLabelValues(fmt.Sprint(i)).Inc()
	}
	return v
}

func keepHistograms(n int) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "seconds", Buckets: prometheus.DefBuckets}, []string{"id"})
	for i := range n {
		v.WithLabelValues(fmt.Sprint(i)).Observe(1)
	}
	return v
}

func keepPlain(n int) (all [][]byte) {
	for range n {
		all = append(all, make([]byte, 512))
	}
	return all
}
