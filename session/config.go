package session

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

// Config says what to observe, under which load, and what to hold it against.
// Start from DefaultConfig.
type Config struct {
	// Pprof is where the target serves pprof. Its URL may be empty if Command
	// is given: the ports that the command listens on are then tried.
	Pprof capture.Config

	// Load is what is asked of the target, over HTTP. Target, if set, is asked
	// instead. Both nil: the load is someone else's, and the run only watches.
	Load   *harness.HTTPConfig
	Target harness.Target
	// Plan is the load's rate and phases. OnMark and OnProgress belong to the
	// session and must be nil. Without a load only Warmup, Steady and Every
	// count.
	Plan harness.Plan

	// Command is started before and stopped after the run; empty: the target
	// runs already. CommandLog receives its output; nil: only its end is kept,
	// for messages. CommandEnv is its environment; nil: this process's.
	Command    []string
	CommandDir string
	CommandEnv []string
	CommandLog io.Writer
	// CommandGrace is how long Command has between SIGTERM and SIGKILL.
	CommandGrace time.Duration
	// MemProfileRate is appended to the command's GODEBUG: bytes per sample.
	// 0 leaves the program its own.
	MemProfileRate int
	// Process is a target that somebody else started and stops, but whose end
	// the session should notice at once; nil: unknown, or Command.
	Process Process

	// OpsMetric names a counter of the target's /metrics that counts
	// operations, instead of those that the load completes.
	OpsMetric string

	// Out is the bundle's folder. Empty: runs/TIME, or a temporary folder
	// where that cannot be made. Temporary bundles are removed at the end.
	Out       string
	Temporary bool
	// Name is what the report calls the target; empty: made from Command or
	// the address.
	Name string

	Detect detect.Config
	// AbortOnLeak ends the steady phase, or the watching, once a leak is
	// confirmed by two looks in a row; Plan.Abort holds the limits of the load.
	AbortOnLeak bool
	// MetricsAddr serves the run's own metrics while it goes on; empty: not.
	MetricsAddr string

	StrictRate bool // a load that missed its rate never reads as clean
	// Analyze decides; nil: detect.Analyze.
	Analyze func(*snapshot.Run, detect.Config) *detect.Result

	// Watch observes somebody else's load for as long as it is let: a Steady of 0
	// has no end but ctx's, which is no interruption then; a target that stops
	// answering is waited for; and of a long run only mostWatched snapshots or
	// fewer, evenly spaced, are kept in memory and judged, all in the bundle.
	Watch bool
	// Await waits in the same way for a target that does not answer at the start.
	Await bool
	// SnapshotNow asks for a snapshot beside the planned ones, at once, in the
	// steady phase or while watching; nil: never.
	SnapshotNow <-chan struct{}

	// Progress is told what happens, never two events at a time; nil: nobody.
	// It must not block.
	Progress func(Event)
	// Observe is given the run and its looks while it goes on, never two
	// observations at a time and from a goroutine of its own: it may take its
	// time. Run returns after the last. nil: nobody.
	Observe func(Observation)

	ProbeEvery      time.Duration // between light probes; 0: none
	ReadyTimeout    time.Duration // for pprof to answer at the start
	SnapshotTimeout time.Duration // for one snapshot, all requests together
	// RestartPatience is how long a target may fail to give snapshots, three of
	// them at least, before it counts as gone: one that is started anew is back
	// within it.
	RestartPatience time.Duration
}

// Process is a target on this machine that is started and stopped by somebody.
type Process interface {
	PID() int
	Done() <-chan struct{} // closed when it has ended
	Err() error            // after Done: how it ended, in a sentence
	LogTail() string       // the end of what it printed
}

// DefaultConfig is what `heapdrift run` does when nothing is said.
func DefaultConfig() Config {
	return Config{
		Plan: harness.Plan{
			Rate:      harness.Rate{From: 200, To: 200},
			IdleMarks: 6, IdleEvery: 300 * time.Millisecond, RestMarks: 2, RestEvery: 2 * time.Second,
			Warmup: 5 * time.Second, Steady: time.Minute, Drain: 5 * time.Second, Passes: 1,
			MaxInFlight:    256,
			QuiesceTimeout: 5 * time.Second,
		},
		CommandGrace:    5 * time.Second,
		MemProfileRate:  16384,
		Detect:          detect.DefaultConfig(),
		ProbeEvery:      time.Second,
		ReadyTimeout:    time.Minute,
		SnapshotTimeout: capture.DefaultTimeout,
		RestartPatience: 5 * time.Second,
	}
}

// ConfigError is a mistake in a Config: of whoever typed the command.
type ConfigError struct{ Problem string }

func (e *ConfigError) Error() string { return e.Problem }

// snapshotsPerSteady is how many snapshots the steady phase is cut into where
// Plan.Every does not say, at minEvery at the least.
const (
	snapshotsPerSteady = 20
	minEvery           = time.Second
)

// passive reports that the load is someone else's.
func (c *Config) passive() bool { return c.Load == nil && c.Target == nil }

// endless reports that only ctx ends the run.
func (c *Config) endless() bool { return c.Watch && c.Plan.Steady == 0 }

// check fills in what follows from the rest and refuses what cannot be run.
func (c *Config) check() error {
	bad := func(format string, args ...any) error { return &ConfigError{fmt.Sprintf(format, args...)} }
	switch {
	case c.Plan.OnMark != nil || c.Plan.OnProgress != nil:
		return errors.New("session: Plan.OnMark and Plan.OnProgress belong to the session; use Progress")
	case c.Pprof.URL == "" && len(c.Command) == 0:
		return bad("nothing to observe: give the target's pprof address (--pprof), or a command to start")
	case len(c.Command) > 0 && c.Process != nil:
		return errors.New("session: both Command and Process are given")
	case c.MemProfileRate < 0:
		return bad("the sampling rate %d is negative; give bytes per sample, or 0 to leave the program its own", c.MemProfileRate)
	case c.Watch && !c.passive():
		return errors.New("session: Watch and a load are both given")
	case c.Plan.Steady <= 0 && !(c.Watch && c.Plan.Steady == 0):
		return bad("the steady time %s is not above 0; a verdict needs some (default 60s)", c.Plan.Steady)
	case c.Plan.Warmup < 0 || c.Plan.Drain < 0 || c.Plan.Every < 0:
		return bad("the warm-up, the drain or the time between snapshots is negative; give 0 or more")
	}
	if c.Plan.Every == 0 && c.Plan.Steady == 0 {
		c.Plan.Every = defaultRecordEvery
	}
	if c.Plan.Every == 0 {
		c.Plan.Every = max(c.Plan.Steady/snapshotsPerSteady, minEvery)
	}
	if c.SnapshotTimeout <= 0 {
		c.SnapshotTimeout = capture.DefaultTimeout
	}
	if c.ReadyTimeout <= 0 {
		c.ReadyTimeout = time.Minute
	}
	if c.Analyze == nil {
		c.Analyze = detect.Analyze
	}
	return nil
}
