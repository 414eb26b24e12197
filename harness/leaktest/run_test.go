package leaktest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// node is an object of 16 bytes.
type node struct {
	next *node
	v    int
}

// chainOf keeps a node for each call.
type chainOf struct{ head *node }

func (c *chainOf) keep(v int) { c.head = &node{c.head, v} }

func TestKeepingSixteenBytesIsALeakAtItsLine(t *testing.T) {
	var c chainOf
	f := try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error { c.keep(i); return nil })
	})
	f.mustFail(t, "LEAK  proof: growth  ", "not proved: a cache that takes more than", "+16", " B/op [", "(limit 1)", "leaktest.(*chainOf).keep", "run_test.go:", "← leaktest.Test",
		"go test -run '^TestKeepingSixteenBytesIsALeakAtItsLine$' -count=1 ./harness/leaktest", "heap.pb.gz")
	size := regexp.MustCompile(`[▲?] \+([0-9.]+) B/op .*keep`).FindStringSubmatch(f.said.String())
	if size == nil {
		t.Errorf("the site has no size:\n%s", f.said.String())
	} else if v, err := strconv.ParseFloat(size[1], 64); err != nil || v < 12 || v > 20 {
		t.Errorf("the site keeps %s B/op, want about 16", size[1])
	}
	if f.stopped {
		t.Error("a leak ended the test at once: later checks of it are lost")
	}
	// Only what has sites is judged: growth and its sites are of one look.
	snapshots, err := filepath.Glob(filepath.Join(f.dir, "snapshots", "*"))
	if err != nil || len(snapshots) < 2*leastSnapshots {
		t.Fatalf("%d snapshots are kept (%v)", len(snapshots), err)
	}
	judged := 0
	for _, at := range snapshots {
		meta, err := os.ReadFile(filepath.Join(at, "snapshot.json"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(meta), `"steady"`) {
			continue
		}
		judged++
		if _, err := os.Stat(filepath.Join(at, "heap.pb.gz")); err != nil {
			t.Errorf("a snapshot is judged without a profile: %v", err)
		}
	}
	if judged < leastSnapshots {
		t.Errorf("%d snapshots are judged, want at least %d", judged, leastSnapshots)
	}
}

func TestASlowLeakIsFoundFromFewOperations(t *testing.T) {
	var c chainOf
	f := try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error { c.keep(i); return nil }, Warmup(50), Ops(400))
	})
	f.mustFail(t, "LEAK", "leaktest.(*chainOf).keep", "objects/op")
	if runtime.MemProfileRate != SampleRate {
		t.Errorf("Run left the sampling rate at %d, want %d", runtime.MemProfileRate, SampleRate)
	}
}

func TestGoroutinesThatStayAreALeak(t *testing.T) {
	quit := make(chan struct{})
	f := try(t, func(tb testing.TB) {
		Run(tb, func(context.Context, int) error { go wait(quit); return nil }, Warmup(50), Ops(600), Drain(time.Millisecond))
	})
	close(quit)
	f.mustFail(t, "LEAK  proof: proved  ", "+1.00 goroutines/op", "leaktest.wait [chan receive]")
}

func wait(quit chan struct{}) { <-quit }

func TestWhatKeepsNothingPasses(t *testing.T) {
	var pool sync.Pool
	seen := map[int]int{}
	filled := map[int]*[64]byte{}
	for _, c := range []struct {
		name string
		fn   operation
		opts []Option
	}{
		{"nothing at all", func(context.Context, int) error { return nil }, nil},
		{"garbage", func(_ context.Context, i int) error { _ = fmt.Sprint("x", i); return nil }, nil},
		{"a pool", func(context.Context, int) error {
			b, _ := pool.Get().(*bytes.Buffer)
			if b == nil {
				b = new(bytes.Buffer)
			}
			b.Reset()
			b.WriteString("some words")
			pool.Put(b)
			return nil
		}, nil},
		{"a map of a thousand keys", func(_ context.Context, i int) error { seen[i%1000] = i; return nil }, nil},
		{"a goroutine for each", func(context.Context, int) error {
			c := make(chan int)
			go func() { c <- 1 }()
			<-c
			return nil
		}, []Option{Ops(5000)}},
		{"a cache that is full after the warm-up", func(_ context.Context, i int) error { filled[i%3000] = new([64]byte); return nil }, []Option{Warmup(3000)}},
		{"several at a time", func(_ context.Context, i int) error { _ = fmt.Sprint("x", i); return nil }, []Option{Concurrent(4)}},
	} {
		t.Run(c.name, func(t *testing.T) { Run(t, c.fn, c.opts...) })
	}
}

func TestACacheThatFillsIsNotCalledALeak(t *testing.T) {
	filled := map[int]*[64]byte{}
	random := rand.New(rand.NewPCG(1, 2))
	f := try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error {
			filled[random.IntN(2000)] = new([64]byte)
			return nil
		}, Warmup(20), Ops(2000))
	})
	if strings.Contains(f.said.String(), "LEAK") {
		t.Errorf("a cache that fills was called a leak:\n%s", f.said.String())
	}
}

func TestTooLittleEvidenceFails(t *testing.T) {
	f := try(t, func(tb testing.TB) {
		Run(tb, func(context.Context, int) error { return nil }, Warmup(5), Ops(20))
	})
	f.mustFail(t, "inconclusive, which is no pass", "goroutines", "leaktest.MaxGoroutines", "leaktest.For")
	if strings.Contains(f.said.String(), "LEAK") {
		t.Errorf("20 operations that do nothing are called a leak:\n%s", f.said.String())
	}
	// A limit that so few can show makes it a pass.
	try(t, func(tb testing.TB) {
		Run(tb, func(context.Context, int) error { return nil }, Warmup(5), Ops(20), MaxGoroutines(0.5), MaxPerOp(100))
	}).mustPass(t)
}

func TestLimitsPermitWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit []Option
		fails bool
	}{
		{"16 B/op within 20", []Option{MaxPerOp(20)}, false},
		{"one object within 20 B/op, but above half an object", []Option{MaxPerOp(20), MaxObjects(0.5)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var keeps chainOf
			f := try(t, func(tb testing.TB) {
				Run(tb, func(_ context.Context, i int) error { keeps.keep(i); return nil }, append(c.limit, Warmup(100), Ops(2000))...)
			})
			if f.failed != c.fails {
				t.Errorf("failed: %v, want %v\n%s%s", f.failed, c.fails, f.said.String(), f.logged.String())
			}
		})
	}
	t.Run("a goroutine for ten operations within 0.2", func(t *testing.T) {
		quit := make(chan struct{})
		defer close(quit)
		try(t, func(tb testing.TB) {
			Run(tb, func(_ context.Context, i int) error {
				if i%10 == 0 {
					go wait(quit)
				}
				return nil
			}, Warmup(50), Ops(1000), MaxGoroutines(0.2), MaxPerOp(1000), MaxObjects(10), Drain(0))
		}).mustPass(t)
	})
}

func TestAllowedSitesPassAndTheOthersDoNot(t *testing.T) {
	var a, b chainOf
	allow := Allow("leaktest.(*chainOf).keep", "on purpose", "2999-12-31")
	try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error { a.keep(i); return nil }, allow, Warmup(100), Ops(2000))
	}).mustPass(t)
	// So many that the samples tell both sites: of 2,000 operations the 64 bytes
	// alone are taken for nine tenths of all once in forty runs.
	other := make([]*[64]byte, 0, 100_000)
	f := try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error {
			b.keep(i)
			other = append(other, new([64]byte))
			return nil
		}, allow, Warmup(100), Ops(20_000))
	})
	f.mustFail(t, "LEAK", "TestAllowedSitesPassAndTheOthersDoNot", "allowed until 2999-12-31 (on purpose)")
	if len(other) == 0 {
		t.Fatal("nothing was kept")
	}
	idle := try(t, func(tb testing.TB) {
		Run(tb, func(context.Context, int) error { return nil }, allow, Ops(4000)) // under -short enough for its limit, too
	})
	idle.mustPass(t)
	if !strings.Contains(idle.logged.String(), "matched nothing") {
		t.Errorf("an unused allowance is not mentioned:\n%s", idle.logged.String())
	}
	try(t, func(tb testing.TB) {
		Run(tb, func(context.Context, int) error { return nil }, Allow("x.Y", "was bounded once", "2020-01-31"), Ops(1000))
	}).mustFail(t, "expired on 2020-01-31", "was bounded once")
}

func TestASmallLeakBesideALargeAllowedOneFails(t *testing.T) {
	var small chainOf
	large := make([]*[2048]byte, 0, 10_000)
	f := try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error {
			keepLarge(&large)
			small.keep(i)
			return nil
		}, Allow("leaktest.keepLarge", "on purpose", "2999-12-31"), Warmup(100), Ops(2000))
	})
	// Its bytes are within the error of what is allowed; its objects are not. Where
	// enough of them were sampled it is named.
	f.mustFail(t, "LEAK", "objects/op", "allowed until 2999-12-31 (on purpose)")
	if s := f.said.String(); !strings.Contains(s, "leaktest.(*chainOf).keep") && !strings.Contains(s, "more than the sites that are allowed") {
		t.Errorf("neither named nor told:\n%s", s)
	}
}

//go:noinline
func keepLarge(to *[]*[2048]byte) { *to = append(*to, new([2048]byte)) }

func TestAnErrorFailsWithTheNumberOfTheOperation(t *testing.T) {
	sick := errors.New("no such word")
	for _, c := range []struct {
		name string
		at   int
		opts []Option
		want string
	}{
		{"in the warm-up", 3, []Option{Warmup(10), Ops(40)}, "operation 3 failed: no such word (in the warm-up)"},
		{"while it is judged", 33, []Option{Warmup(10), Ops(40)}, "operation 33 failed: no such word"},
		{"among several at a time", 33, []Option{Warmup(10), Ops(40), Concurrent(3)}, "operation 33 failed: no such word"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := try(t, func(tb testing.TB) {
				Run(tb, func(_ context.Context, i int) error {
					if i == c.at {
						return sick
					}
					return nil
				}, c.opts...)
				t.Error("Run returned after an error")
			})
			f.mustFail(t, c.want)
		})
	}
}

func TestEachOperationHasItsOwnNumber(t *testing.T) {
	const least, most = 100 + 500, 100 + 500 + 500 + 2*500 // after one look, after three
	for _, workers := range []int{1, 4} {
		var calls [most]atomic.Int32
		var beyond atomic.Int32
		try(t, func(tb testing.TB) {
			Run(tb, func(_ context.Context, i int) error {
				if i < 0 || i >= most {
					beyond.Add(1)
					return nil
				}
				calls[i].Add(1)
				return nil
			}, Warmup(100), Ops(500), Concurrent(workers))
		})
		done := 0
		for i := range calls {
			switch got := calls[i].Load(); {
			case got > 1, got == 1 && done < i, got == 0 && i < least:
				t.Fatalf("%d at a time: operation %d was done %d times, after %d of those before it", workers, i, got, done)
			case got == 1:
				done++
			}
		}
		if n := beyond.Load(); n > 0 {
			t.Errorf("%d at a time: %d operations had a number of %d or more", workers, n, most)
		}
	}
}

func TestTheContextIsCancelledAfterTheLastSnapshot(t *testing.T) {
	var last context.Context
	try(t, func(tb testing.TB) {
		Run(tb, func(ctx context.Context, i int) error {
			last = ctx
			return ctx.Err()
		}, Ops(500))
		if last.Err() == nil {
			t.Error("the context of the operations is not cancelled after Run")
		}
	}).mustPass(t)
}

func TestPanicsPassThrough(t *testing.T) {
	defer func() {
		if p := recover(); p != "out of words" {
			t.Errorf("recovered %v, want the operation's own panic", p)
		}
	}()
	try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error {
			if i == 7 {
				panic("out of words")
			}
			return nil
		})
	})
}

func TestAnOperationThatEndsItsGoroutineEndsTheRun(t *testing.T) {
	f := try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error {
			if i == 7 {
				goexit()
			}
			return nil
		}, Concurrent(3), Warmup(50), Ops(50))
	})
	f.mustFail(t, "ended its goroutine", "return an error instead")
}

func TestParallelTestsAreRefused(t *testing.T) {
	for name, fn := range map[string]func(tb testing.TB){
		"Run":          func(tb testing.TB) { Run(tb, func(context.Context, int) error { return nil }) },
		"NoGoroutines": func(tb testing.TB) { NoGoroutines(tb) },
	} {
		f := try(t, fn, func(f *fake) { f.parallel = true })
		f.mustFail(t, name+" refuses a parallel test", "Take out t.Parallel")
	}
}

func TestOptionsThatSayNothingAreRefused(t *testing.T) {
	for _, c := range []struct {
		opt  Option
		want string
	}{
		{Ops(3), "Ops(3): want at least 12"},
		{Warmup(-1), "Warmup(-1)"},
		{For(0), "For(0s)"},
		{Drain(-time.Second), "Drain(-1s)"},
		{Concurrent(0), "Concurrent(0)"},
		{MaxPerOp(-1), "MaxPerOp(-1)"},
		{MaxObjects(-1), "MaxObjects(-1)"},
		{MaxGoroutines(-1), "MaxGoroutines(-1)"},
		{Allow("", "r", "2030-01-01"), "want a pattern"},
		{Allow("*", "r", "2030-01-01"), "want a pattern"},
		{Allow("x.Y", " ", "2030-01-01"), "want a reason"},
		{Allow("x.Y", "r", "soon"), "want the last day"},
	} {
		f := try(t, func(tb testing.TB) {
			Run(tb, func(context.Context, int) error { t.Error("an operation was done"); return nil }, c.opt)
		})
		f.mustFail(t, c.want)
	}
}

func TestShortDoesLess(t *testing.T) {
	f := flag.Lookup("test.short")
	old := f.Value.String()
	if err := f.Value.Set("true"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Value.Set(old); err != nil {
			t.Error(err)
		}
	}()
	var calls int
	try(t, func(tb testing.TB) {
		Run(tb, func(context.Context, int) error { calls++; return nil })
	}).mustPass(t)
	if want := defaultOps / shortPart * 6 / 5; calls > want {
		t.Errorf("%d operations under -short, want at most %d", calls, want)
	}
}

func TestWithoutMainTheFailureSaysThatSitesMayBeMissing(t *testing.T) {
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 512 << 10
	defer func() { runtime.MemProfileRate = rate }()
	var c chainOf
	f := try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error { c.keep(i); return nil }, Warmup(100), Ops(2000))
	})
	f.mustFail(t, "LEAK", "sites may be missing: one object in 512 KiB is sampled", "leaktest.Main(m)")
	if runtime.MemProfileRate != 512<<10 {
		t.Errorf("Run left the sampling rate at %d", runtime.MemProfileRate)
	}
}

func TestAnotherTestAtWorkIsNoticed(t *testing.T) {
	running, quit := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t.Run("beside", func(*testing.T) { close(running); <-quit })
	})
	<-running
	f := try(t, func(tb testing.TB) {
		Run(tb, func(context.Context, int) error { t.Error("an operation was done"); return nil })
	})
	close(quit)
	wg.Wait()
	f.mustFail(t, "TestAnotherTestAtWorkIsNoticed", "runs at the same time")

	// One that begins later is seen in the snapshots.
	quit = make(chan struct{})
	f = try(t, func(tb testing.TB) {
		Run(tb, func(_ context.Context, i int) error {
			if i == 0 {
				wg.Go(func() { t.Run("later", func(*testing.T) { <-quit }) })
			}
			return nil
		}, Ops(20))
	})
	close(quit)
	wg.Wait()
	f.mustFail(t, "runs at the same time")
}
