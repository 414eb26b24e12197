package shop

import (
	"context"
	"fmt"
	"testing"

	"github.com/heapdrift/heapdrift/harness/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestPriceKeepsNothing(t *testing.T) {
	q := NewQuotes()
	leaktest.Run(t, func(_ context.Context, i int) error {
		if got := q.Price(fmt.Sprint("article ", i)); got == "" {
			return fmt.Errorf("article %d has no price", i)
		}
		return nil
	}, leaktest.Warmup(2*remembered), leaktest.MaxPerOp(0.5))
}

func TestSessionEnds(t *testing.T) {
	leaktest.NoGoroutines(t)
	s := NewSession()
	leaktest.Freed(t, s)
	s.Order("book")
	s.Close()
}

func BenchmarkPrice(b *testing.B) {
	q := NewQuotes()
	leaktest.Report(b, q)
	for b.Loop() {
		q.Price("book")
	}
}
