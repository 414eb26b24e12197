package leaktest

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
)

func TestGoroutinesLeftBehindAreNamedWithTheirCreator(t *testing.T) {
	quit := make(chan struct{})
	f := try(t, func(tb testing.TB) {
		NoGoroutines(tb, Drain(time.Millisecond))
		begin(quit)
		begin(quit)
		untilTheyWait(t, 2)
	})
	close(quit)
	f.mustFail(t, "2 goroutines that began in this test and did not end", "▲ 2 goroutines [chan receive]",
		"leaktest.wait   run_test.go:", "created by leaktest.begin   goroutines_test.go:",
		"go test -run '^TestGoroutinesLeftBehindAreNamedWithTheirCreator$' -count=1 ./harness/leaktest")
}

// untilTheyWait returns when so many goroutines of begin wait.
func untilTheyWait(t *testing.T, want int) {
	t.Helper()
	for pause := newBackoff(10 * time.Second); ; {
		n := 0
		for _, g := range goroutines() {
			if g.state == "chan receive" && report.ShortFunction(g.creator.Function) == "leaktest.begin" {
				n++
			}
		}
		if n == want {
			return
		}
		if !pause.next() {
			t.Fatalf("%d goroutines wait, want %d", n, want)
		}
	}
}

func TestAGoroutineThatHasNotRunYetCounts(t *testing.T) {
	for range 100 { // mostly it has not
		quit := make(chan struct{})
		before := map[int64]bool{}
		for _, g := range goroutines() {
			before[g.id] = true
		}
		begin(quit)
		n := len(lasting(before, &config{}))
		close(quit)
		if n != 1 {
			t.Fatalf("%d goroutines are seen right after one began, want 1", n)
		}
		if left := lasting(before, &config{drain: time.Second}); len(left) > 0 {
			t.Fatalf("it did not end: %v", left)
		}
	}
}

func begin(quit chan struct{}) { go wait(quit) }

func TestGoroutinesThatEndAreWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name string
		fn   func(tb testing.TB)
	}{
		{"none", func(testing.TB) {}},
		{"one that has ended", func(testing.TB) {
			var wg sync.WaitGroup
			wg.Go(func() {})
			wg.Wait()
		}},
		{"one that ends a little later", func(testing.TB) {
			quit := make(chan struct{})
			go wait(quit)
			time.AfterFunc(20*time.Millisecond, func() { close(quit) })
		}},
		{"one that a later cleanup ends", func(tb testing.TB) {
			quit := make(chan struct{})
			go wait(quit)
			tb.Cleanup(func() { close(quit) })
		}},
		{"one that ends with the test's context", func(tb testing.TB) {
			go func(ctx context.Context) { <-ctx.Done() }(tb.Context())
		}},
		{"the one of os/signal", func(testing.TB) {
			c := make(chan os.Signal, 1)
			signal.Notify(c, os.Interrupt)
			signal.Stop(c)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			try(t, func(tb testing.TB) { NoGoroutines(tb); c.fn(tb) }).mustPass(t)
		})
	}
}

func TestGoroutinesThatWereThereBeforeDoNotCount(t *testing.T) {
	quit := make(chan struct{})
	defer close(quit)
	go wait(quit)
	try(t, func(tb testing.TB) { NoGoroutines(tb, Drain(0)) }).mustPass(t)
}

func TestAllowedGoroutinesMayStay(t *testing.T) {
	quit := make(chan struct{})
	defer close(quit)
	for i, pattern := range []string{"leaktest.wait", "leaktest.begin", "heapdrift/harness/leaktest.*"} {
		try(t, func(tb testing.TB) {
			NoGoroutines(tb, Drain(0), Allow(pattern, "ends with the process", "2999-12-31"))
			begin(quit)
			untilTheyWait(t, i+1)
		}).mustPass(t)
	}
	f := try(t, func(tb testing.TB) { NoGoroutines(tb, Allow("x.Y", "no more", "2999-12-31")) })
	f.mustPass(t)
	if !strings.Contains(f.logged.String(), "matched no goroutine") {
		t.Errorf("an unused allowance is not mentioned: %q", f.logged.String())
	}
}

func TestNoGoroutinesRefusesWhatIsOfRun(t *testing.T) {
	try(t, func(tb testing.TB) { NoGoroutines(tb, MaxPerOp(1), Ops(100)) }).mustFail(t, "does not know the option MaxPerOp, Ops")
}
