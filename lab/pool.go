package lab

import (
	"bytes"

	fixedpool "github.com/heapdrift/heapdrift/fixed/pool"
	leakypool "github.com/heapdrift/heapdrift/leakscenarios/pool"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
)

// The large documents of pool come in a row, some time after the start of the
// steady phase, and are of one size: each buffer is used for some of them,
// whatever overtakes them on their way.
const (
	poolRate  = 60
	poolFirst = 4.5 * poolRate // the warm-up takes 3 s
	poolLarge = 4 * leakypool.Buffers
	poolBody  = 256 << 10 // bytes: fifty ordinary ones
	poolWords = poolBody / 7
)

func pool(name string) Scenario {
	return Scenario{
		Name:  name,
		Kind:  KindPlateau,
		Story: "Buffers that grew for a few huge documents are put back into their pool, and stay as large for good.",
		stream: sometimesLarge{
			ordinary: corpus.DefaultGenerator(1111), large: largeGenerator(1112, poolWords), pad: poolBody,
			isLarge: func(seq int64) bool { return poolFirst <= seq && seq < poolFirst+poolLarge },
		},
		Load: Load{From: poolRate},
		Truth: Truth{
			Leaky: LeakyTruth{Run: "clean", HighWater: float64(leakypool.Buffers * allocated(poolBody+bytes.MinRead))},
			Fixed: FixedTruth{Run: "clean"},
			// A twentieth of what the buffers would be per operation if such
			// documents came every fifteen seconds and each kept another one.
			CleanBytes: cleanShare * poolLarge * poolBody / (15 * poolRate),
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error { a.reader = leakypool.New(); return nil },
			Fixed: func(a *assembly) error { a.reader = fixedpool.New(); return nil },
		},
	}
}
