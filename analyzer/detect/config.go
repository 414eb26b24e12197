package detect

// Config says how strict to be. The zero value is not meant for use: begin
// with DefaultConfig.
type Config struct {
	// Alpha is the level of the site tests, shared by all sites of a run
	// (α/M each), in (0, 1).
	Alpha float64
	// Tolerance is the growth, in bytes per operation, below which nothing is
	// a leak.
	Tolerance float64
	// TolerancePerSecond is the same in bytes per second at the observed rate.
	TolerancePerSecond float64
	// Clean is the growth per operation (per second, where operations are
	// unknown) below which the upper bound must lie for "stable".
	Clean CleanLimit
	// Module is the import path prefix of the user's own code; empty lets the
	// file paths tell.
	Module string
	// Limit is the memory the process may use, in bytes; 0 makes no forecast.
	Limit int64
}

// The evidence floor: what the tail must have grown by before growth is called
// a leak (METHOD.md, section 4).
const (
	floorBytes      = 64 << 10
	floorObjects    = 256
	floorGoroutines = 8
)

// Levels of the tests on exact counters. They are far stricter than the
// sites': recorded leaks have t above 50, healthy programs below 16.
const (
	alphaSlope  = 1e-4  // slope and block tests
	alphaKendal = 2e-3  // Mann–Kendall: six rising values (1/720) pass
	alphaDejump = 1e-3  // after the largest step is taken out
	minTail     = 6     // judged snapshots below which nothing is decided
	confidence  = 0.95  // of the printed intervals
	smallest    = 16    // bytes of the smallest object worth counting
	beyondFloor = 1.645 // one-sided 95 %
)

// DefaultConfig is METHOD.md's: α = 1 %, 1 B/op and 64 MiB in 30 days
// tolerated, clean below 64 B, 1 object and 0.01 goroutines per operation.
func DefaultConfig() Config {
	return Config{
		Alpha:              0.01,
		Tolerance:          1,
		TolerancePerSecond: float64(64<<20) / (30 * 24 * 3600),
		Clean:              CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01},
	}
}
