package labrun

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/heapdrift/heapdrift/analyzer/report"
)

// CompareAll compares several scenarios, at most so many at once, the longest
// first. done is called with each of them as it ends, by its index, never two
// at a time; Progress of the options comes from several goroutines. When ctx
// ends, those that run give what they have, and no more are begun.
func CompareAll(ctx context.Context, all []Options, atOnce int, done func(i int, c *report.Comparison, err error)) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(all[j].Plan.Duration(), all[i].Plan.Duration()) })
	var (
		next    = make(chan int)
		mu      sync.Mutex // of done
		workers sync.WaitGroup
	)
	for range min(max(atOnce, 1), len(all)) {
		workers.Go(func() {
			for i := range next {
				c, err := Compare(ctx, all[i])
				mu.Lock()
				done(i, c, err)
				mu.Unlock()
			}
		})
	}
feed:
	for _, i := range order {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
}
