package leaktest

import (
	"runtime"
	"testing"
)

// session is an object with a goroutine that may hold it.
type session struct {
	quit chan struct{}
	data [100]byte
}

func (s *session) pump() { <-s.quit; runtime.KeepAlive(s) }

func TestFreedPassesWhatIsGone(t *testing.T) {
	try(t, func(tb testing.TB) {
		s := &session{quit: make(chan struct{})}
		Freed(tb, s)
		go s.pump()
		close(s.quit)
	}).mustPass(t)
}

func TestFreedPassesWhatItsFinalizerLetsGo(t *testing.T) {
	try(t, func(tb testing.TB) {
		s := &session{}
		runtime.SetFinalizer(s, func(s *session) { s.data[0] = 1 })
		Freed(tb, s)
	}).mustPass(t)
}

func TestFreedNamesTheGoroutineThatMayHoldIt(t *testing.T) {
	quit := make(chan struct{})
	f := try(t, func(tb testing.TB) {
		s := &session{quit: quit}
		Freed(tb, s)
		go s.pump()
	})
	close(quit)
	const want = "may hold it: 1 goroutine [chan receive] in leaktest.(*session).pump, created by leaktest.TestFreedNamesTheGoroutineThatMayHoldIt"
	f.mustFail(t, "the *leaktest.session given to Freed at freed_test.go:", "is still reachable", want)
	quit = make(chan struct{})
	f = try(t, func(tb testing.TB) {
		s := &session{quit: quit}
		go s.pump()
		Freed(tb, s) // the goroutine was there before, but works for it
	})
	close(quit)
	f.mustFail(t, want)
}

func TestFreedFailsForWhatAVariableHolds(t *testing.T) {
	var kept *session
	f := try(t, func(tb testing.TB) {
		kept = new(session)
		Freed(tb, kept)
	})
	f.mustFail(t, "no goroutine is there for it", "a t.Cleanup that was registered before Freed")
	runtime.KeepAlive(kept)
}

func TestFreedExplainsWhatItCannotWatch(t *testing.T) {
	for _, c := range []struct {
		name string
		fn   func(tb testing.TB)
		want string
	}{
		{"nil", func(tb testing.TB) { Freed[session](tb, nil) }, "a nil *leaktest.session: there is nothing to watch"},
		{"size 0", func(tb testing.TB) { Freed(tb, new(struct{})) }, "objects of size 0 all have one address"},
		{"an int", func(tb testing.TB) { Freed(tb, new(int)) }, "below 16 bytes without pointers share their memory"},
		{"a small struct", func(tb testing.TB) { Freed(tb, new(struct{ a, b int32 })) }, "share their memory"},
		{"a small array", func(tb testing.TB) { Freed(tb, new([3]bool)) }, "share their memory"},
	} {
		t.Run(c.name, func(t *testing.T) { try(t, c.fn).mustFail(t, c.want) })
	}
	for name, fn := range map[string]func(tb testing.TB){
		"a small object with a pointer": func(tb testing.TB) { Freed(tb, new(*int)) },
		"16 bytes without pointers":     func(tb testing.TB) { Freed(tb, new([2]int)) },
	} {
		t.Run(name, func(t *testing.T) { try(t, fn).mustPass(t) })
	}
}
