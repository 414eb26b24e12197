package lab

// Truth is what a detector should say about a scenario. Leaky is left out of a
// control's.
type Truth struct {
	Leaky LeakyTruth `json:"leaky,omitzero"`
	Fixed FixedTruth `json:"fixed"`

	// CleanBytes is the growth, in bytes of live heap per operation, up to
	// which the scenario's variants are clean. Zero: a twentieth of what the
	// leaky one keeps where that is stated, else the detector's own limit.
	CleanBytes float64 `json:"clean_bytes_per_op,omitempty"`
}

// LeakyTruth is the truth about the leaky variant. What is zero is left out:
// it is not stated, and not checked.
type LeakyTruth struct {
	Run string `json:"run"` // verdict on the run
	// Finding is the verdict on a finding that must be there, of that kind
	// ("heap" or "goroutine"): "leak", for which "suspect" will do, "backlog",
	// "churn" or "plateau". Empty: none is asked for.
	Finding string `json:"finding,omitempty"`
	Kind    string `json:"kind,omitempty"`
	// AllocatedAt and DefectAt are parts of function names. The finding is at
	// the right place when its stack, or that of the goroutines joined to it,
	// has both.
	AllocatedAt string `json:"allocated_at,omitempty"`
	DefectAt    string `json:"defect_at,omitempty"`

	// BytesPerOp is the growth of the live heap (HeapAlloc) with each
	// operation, the mean over the scenario's documents.
	BytesPerOp      float64 `json:"bytes_per_op,omitempty"`
	GoroutinesPerOp float64 `json:"goroutines_per_op,omitempty"`
	// Kept is for growth that is no straight line: what the live heap has grown
	// by, in bytes, after the first ops operations. The truth about a run is
	// then the slope of Kept over the operations that were judged, and
	// BytesPerOp that over the usual run.
	Kept func(ops int64) float64 `json:"-"`

	// How the leaky variant is told from the fixed one where both are clean:
	// at least so many times its peak of live heap (without a collection), so
	// many times its allocated bytes per operation, and so much more live heap
	// at the end, in bytes.
	PeakTimes      float64 `json:"peak_times,omitempty"`
	AllocatedTimes float64 `json:"allocated_times,omitempty"`
	HighWater      float64 `json:"high_water_bytes,omitempty"`
}

// FixedTruth is the truth about the mended variant, or about a control.
type FixedTruth struct {
	Run string `json:"run"`
}
