//go:build leaky

package shop

import (
	"context"
	"fmt"
	"testing"

	"github.com/heapdrift/heapdrift/harness/leaktest"
)

// The tests of this file fail, each for the leak that it plants:
//
//	go test -tags leaky

// Log never forgets.
type Log struct{ lines []*string }

// Add adds a line.
func (l *Log) Add(line string) { l.lines = append(l.lines, &line) }

func TestLogKeepsNothing(t *testing.T) {
	var l Log
	leaktest.Run(t, func(_ context.Context, i int) error {
		l.Add("a line")
		return nil
	})
}

func TestSessionsEnd(t *testing.T) {
	leaktest.Run(t, func(_ context.Context, i int) error {
		NewSession().Order("book") // and no Close
		return nil
	}, leaktest.Ops(2000))
}

func TestTooShort(t *testing.T) {
	leaktest.Run(t, func(_ context.Context, i int) error {
		_ = fmt.Sprint(i)
		return nil
	}, leaktest.Warmup(5), leaktest.Ops(20))
}

func TestSessionLeft(t *testing.T) {
	leaktest.NoGoroutines(t)
	s := NewSession()
	leaktest.Freed(t, s)
	s.Order("book")
}

func TestParallel(t *testing.T) {
	t.Parallel()
	leaktest.Run(t, func(context.Context, int) error { return nil })
}

func BenchmarkLog(b *testing.B) {
	var l Log
	leaktest.Report(b, &l)
	for b.Loop() {
		l.Add("a line")
	}
}
