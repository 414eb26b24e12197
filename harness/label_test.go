package harness

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// Each goroutine of the harness says so in a profile.
func TestGoroutinesAreLabelled(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	started := make(chan struct{}, 1)
	var profile bytes.Buffer
	l, err := New(TargetFunc(func(context.Context, Op) error {
		select {
		case started <- struct{}{}:
		default:
		}
		<-block
		return nil
	}), Plan{Rate: Rate{From: 100, To: 100}, Steady: time.Second, MaxInFlight: 4, OnProgress: func(Progress) {},
		OnMark: func(_ context.Context, m Mark) error {
			if profile.Len() > 0 {
				return nil
			}
			<-started // a worker is at work
			defer close(block)
			return pprof.Lookup("goroutine").WriteTo(&profile, 1)
		}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"(*dispatcher).work": labelLoad, "(*run).arrive": labelPacer, "(*Load).reportProgress.func": labelPacer, "(*run).steadyMark.func": labelPacer}
	for part := range strings.SplitSeq(profile.String(), "\n\n") {
		for function, label := range want {
			if strings.Contains(part, "harness."+function) && strings.Contains(part, `"heapdrift":"`+label+`"`) {
				delete(want, function)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not found with their labels: %v, in\n%s", want, profile.String())
	}
}
