//go:build !unix

package capture

import "time"

// processCPU is not known here: the benchmark then reports wall time alone.
func processCPU() time.Duration { return 0 }
