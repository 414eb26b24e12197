package lab

import (
	"time"

	fixedwholedoc "github.com/heapdrift/heapdrift/fixed/wholedoc"
	leakywholedoc "github.com/heapdrift/heapdrift/leakscenarios/wholedoc"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
)

// Of the documents of wholedoc one in so many has so many words, 2 MB of text.
const (
	wholeEvery = 150
	wholeWords = 350_000
)

func wholedoc(name string) Scenario {
	return Scenario{
		Name:  name,
		Kind:  KindPeak,
		Story: "A large document is read, embedded and stored in one piece, and needs many times its size in memory at once.",
		stream: sometimesLarge{
			ordinary: corpus.DefaultGenerator(909), large: largeGenerator(910, wholeWords),
			isLarge: func(seq int64) bool { return seq%wholeEvery == wholeEvery/2 },
		},
		Load: Load{From: 60, Probe: 100 * time.Millisecond},
		Truth: Truth{
			Leaky: LeakyTruth{Run: "clean", PeakTimes: 3},
			Fixed: FixedTruth{Run: "clean"},
			// A twentieth of the vectors of the text that a mean operation brings.
			CleanBytes: cleanShare * wholeWords * bytesPerWord / wholeEvery * vectorBytesPerByte,
		},
		swap: map[Variant]func(*assembly) error{
			Leaky: func(a *assembly) error {
				a.reader, a.pipeline.PartBytes = leakywholedoc.Reader{}, leakywholedoc.PartBytes
				return nil
			},
			Fixed: func(a *assembly) error {
				a.reader, a.pipeline.PartBytes = fixedwholedoc.Reader{}, fixedwholedoc.PartBytes
				return nil
			},
		},
	}
}

// cleanShare is what part of a defect may be left in a variant that is called
// clean (METHOD.md, Verdicts).
const cleanShare = 0.05

// Of the generator's texts and the default chunker.
const (
	bytesPerWord       = 6
	vectorBytesPerByte = 4.0 * embed.Dimensions / 1400
)
