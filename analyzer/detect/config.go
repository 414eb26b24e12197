package detect

// Config says how strict to be. The zero value is not meant for use: begin
// with DefaultConfig.
type Config struct {
	// Alpha is the level of the site tests, shared by all sites of a run
	// (α/M each), in (0, 1).
	Alpha float64
	// Tolerance is the growth below which nothing is a leak.
	Tolerance BytesPerOp
	// TolerancePerSecond is the same at the observed rate.
	TolerancePerSecond BytesPerSecond
	// Clean is the growth per operation (per second, where operations are
	// unknown, or where it says so) below which the upper bound must lie for "stable".
	Clean CleanLimit
	// Module is the import path prefix of the user's own code; empty lets the
	// file paths tell.
	Module string
	// Limit is the memory the process may use, in bytes; 0 makes no forecast.
	Limit int64
	// Allow are patterns of functions (series.Matches) whose findings are reported
	// and do not decide the run.
	Allow []string
}

// DefaultConfig is METHOD.md's: α = 1 %, 1 B/op and 64 MiB in 30 days
// tolerated, clean below 64 B, 1 object and 0.01 goroutines per operation.
func DefaultConfig() Config {
	return Config{
		Alpha:              0.01,
		Tolerance:          1,
		TolerancePerSecond: BytesPerSecond(64<<20) / (30 * 24 * 3600),
		Clean:              CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01},
	}
}
