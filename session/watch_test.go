package session

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heapdrift/heapdrift/harness"
)

// Snapshots under somebody else's load come once in each part of the time, at a
// moment that the seed decides, the first at once and the last at the end. A slow
// one is not made up for.
func TestWatchedSnapshotsAreScattered(t *testing.T) {
	t.Parallel()
	const every, total = 10 * time.Second, 200 * time.Second
	watched := func(seed uint64, slow int) (at []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			start, ended := time.Now(), false
			err := watchEvery(t.Context(), harness.Plan{Every: every, Seed: seed}, total, nil, func(_ context.Context, last bool) error {
				if at, ended = append(at, time.Since(start)), last; len(at) == slow {
					time.Sleep(2*every + every/2)
				}
				return nil
			}, func(time.Duration) {})
			if err != nil || !ended {
				t.Errorf("seed %d: %v, the last said so: %v", seed, err, ended)
			}
		})
		return at
	}
	var before []time.Duration
	for seed := range uint64(20) {
		got := watched(seed, 0)
		if len(got) != 21 || got[0] != 0 || got[20] != total {
			t.Fatalf("seed %d: %d snapshots, at %v", seed, len(got), got)
		}
		moved := 0
		for i := 1; i < 20; i++ {
			away := got[i] - time.Duration(i)*every
			if away.Abs() > 4*time.Second {
				t.Errorf("seed %d: snapshot %d at %v", seed, i, got[i])
			}
			if before == nil || got[i] != before[i] {
				moved++
			}
		}
		if moved < 19 {
			t.Errorf("seed %d: %d of 19 moments are not those of the seed before", seed, moved)
		}
		before = got
	}
	if got := watched(1, 5); len(got) < 18 || len(got) > 20 {
		t.Errorf("%d snapshots with a slow one, want the two or three that it hid left out: %v", len(got), got)
	}
}
