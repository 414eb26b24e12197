package detect

import (
	"encoding/json"
	"math"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// Quantities that must not be mixed up. An encoder leaves them out where they
// are 0, which is "not known", and writes no fraction of a byte.
type (
	Bytes          float64
	BytesPerOp     float64
	BytesPerSecond float64
	Count          float64 // objects, goroutines
	Share          float64 // in 0..1
)

// IsZero reports a quantity that is not known.
func (b Bytes) IsZero() bool { return unknownFigure(float64(b)) }

// IsZero reports a quantity that is not known.
func (c Count) IsZero() bool { return unknownFigure(float64(c)) }

// IsZero reports a quantity that is not known.
func (s Share) IsZero() bool { return s == 0 || !finite(float64(s)) }

// MarshalJSON writes whole bytes.
func (b Bytes) MarshalJSON() ([]byte, error) { return json.Marshal(math.Round(float64(b))) }

// MarshalJSON writes a whole number.
func (c Count) MarshalJSON() ([]byte, error) { return json.Marshal(math.Round(float64(c))) }

// MarshalJSON writes nine digits.
func (s Share) MarshalJSON() ([]byte, error) { return json.Marshal(stats.Printable(float64(s))) }

func unknownFigure(v float64) bool { return !finite(v) || math.Round(v) == 0 }
