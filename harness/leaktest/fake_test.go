package leaktest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMain looks for goroutines left behind with the package's own means: what
// its tests import, whoever uses the package has in go.sum.
func TestMain(m *testing.M) {
	Main(m)
	left := lasting(map[int64]bool{}, &config{drain: defaultEnding})
	for _, g := range grouped(left) {
		fmt.Fprintf(os.Stderr, "%d goroutines left behind [%s] %v, created by %v\n", g.n, g.state, g.stack, g.creator)
	}
	if len(left) > 0 {
		os.Exit(1)
	}
}

// fake is a test that is expected to fail: it notes what would be printed.
type fake struct {
	testing.TB
	name     string
	parallel bool
	dir      string

	failed, stopped bool
	said, logged    strings.Builder
	cleanups        []func()
	cancel          context.CancelFunc
	ctx             context.Context
}

// stop is what ends a fake where testing would call runtime.Goexit.
type stop struct{}

func (f *fake) Helper()          {}
func (f *fake) Name() string     { return f.name }
func (f *fake) FailNow()         { f.failed = true; panic(stop{}) }
func (f *fake) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

func (f *fake) Errorf(format string, args ...any) {
	f.failed = true
	fmt.Fprintf(&f.said, format+"\n", args...)
}

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.FailNow()
}

func (f *fake) Logf(format string, args ...any) { fmt.Fprintf(&f.logged, format+"\n", args...) }
func (f *fake) ArtifactDir() string             { return f.dir }
func (f *fake) Context() context.Context        { return f.ctx }

func (f *fake) Setenv(string, string) {
	if f.parallel {
		panic("testing: test using t.Setenv, t.Chdir, or cryptotest.SetGlobalRandom can not use t.Parallel")
	}
}

// try runs the test function and its cleanups as testing would.
func try(t *testing.T, fn func(tb testing.TB), change ...func(*fake)) *fake {
	t.Helper()
	f := &fake{TB: t, name: t.Name(), dir: t.TempDir()}
	f.ctx, f.cancel = context.WithCancel(t.Context())
	for _, c := range change {
		c(f)
	}
	guarded := func(fn func()) {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(stop); !ok {
					panic(p)
				}
				f.stopped = true
			}
		}()
		fn()
	}
	guarded(func() { fn(f) })
	f.cancel()
	for len(f.cleanups) > 0 {
		last := f.cleanups[len(f.cleanups)-1]
		f.cleanups = f.cleanups[:len(f.cleanups)-1]
		guarded(last)
	}
	return f
}

// mustFail checks that a fake failed with a message that holds all of want.
func (f *fake) mustFail(t *testing.T, want ...string) {
	t.Helper()
	if !f.failed {
		t.Fatalf("the test passed; want a failure with %q\nlog: %s", want, f.logged.String())
	}
	for _, w := range want {
		if !strings.Contains(f.said.String(), w) {
			t.Errorf("the failure does not say %q:\n%s", w, f.said.String())
		}
	}
}

func (f *fake) mustPass(t *testing.T) {
	t.Helper()
	if f.failed {
		t.Fatalf("the test failed:\n%s", f.said.String())
	}
}
