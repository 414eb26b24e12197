package gaterun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/gate"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/session"
)

// Updated is one entry that was recorded.
type Updated struct {
	Old      *gate.Entry // what it takes the place of; nil: nothing
	New      gate.Entry
	Warnings []string
}

// Update records what the scenarios keep, and writes it to the configuration's
// baseline: all of them or, where one cannot be recorded, none. recordings are
// bundles to take in place of runs: SCENARIO=PATH, or a path alone whose last
// part is a scenario's name, or where there is only one scenario. The error
// wraps gate.ErrUnbounded where a run does not tell how much is kept.
func Update(ctx context.Context, o Options, reason string, recordings []string) ([]Updated, error) {
	if o.Config.Baseline == "" {
		return nil, &session.ConfigError{Problem: fmt.Sprintf("%s names no baseline; add for example baseline: .heapdrift/baseline.json", o.Config.Name)}
	}
	if strings.TrimSpace(reason) == "" {
		return nil, &session.ConfigError{Problem: "a baseline needs a reason: --reason \"first measurement\""}
	}
	paths, err := assign(o.Config.Name, scenarioNames(o), recordings)
	if err != nil {
		return nil, err
	}
	if len(recordings) > 0 {
		o.Only = nil
		for name := range paths {
			o.Only = append(o.Only, name)
		}
	}
	r, jobs, err := prepare(o)
	if err != nil {
		return nil, err
	}
	defer r.tidy()
	day := r.today().UTC().Format("2006-01-02")
	var done []Updated
	for _, j := range jobs {
		u, err := r.record(ctx, j, paths[j.cfg.Name], reason, day)
		if err != nil {
			return nil, fmt.Errorf("scenario %s: %w; the baseline is as it was", j.cfg.Name, err)
		}
		done = append(done, u)
	}
	// Read again: another update may have written meanwhile.
	b, err := r.readBaseline()
	if err != nil {
		return nil, err
	}
	if b == nil {
		b = &gate.Baseline{}
	}
	for i := range done {
		if old := b.Find(done[i].New.Key); old != nil {
			was := *old
			done[i].Old = &was
		}
		b.Put(done[i].New)
	}
	data, err := b.Encode()
	if err != nil {
		return nil, err
	}
	return done, WriteWhole(r.path(o.Config.Baseline), data)
}

func scenarioNames(o Options) []string {
	var names []string
	for _, s := range o.Config.Scenarios {
		names = append(names, s.Name)
	}
	return names
}

// assign says which recording is whose.
func assign(file string, names, recordings []string) (map[string]string, error) {
	out := map[string]string{}
	for _, arg := range recordings {
		name, path, ok := strings.Cut(arg, "=")
		if !ok || !slices.Contains(names, name) {
			name, path = filepath.Base(filepath.Clean(arg)), arg
			if len(names) == 1 {
				name = names[0]
			}
		}
		if !slices.Contains(names, name) {
			return nil, &session.ConfigError{Problem: fmt.Sprintf("%s is of which scenario? write SCENARIO=%s; %s has %s", arg, arg, file, strings.Join(names, ", "))}
		}
		if _, twice := out[name]; twice {
			return nil, &session.ConfigError{Problem: fmt.Sprintf("two recordings are given for scenario %s; give one", name)}
		}
		out[name] = path
	}
	return out, nil
}

// record makes the entry of one scenario, from a recording or from a run, which
// is repeated as the gate's are while it tells too little.
func (r *runner) record(ctx context.Context, j *job, path, reason, day string) (Updated, error) {
	if path != "" {
		run, err := capture.Open(ctx, path)
		if err != nil {
			return Updated{}, err
		}
		analyze := r.Analyze
		if analyze == nil {
			analyze = detect.Analyze
		}
		return entry(j, run, analyze(run, j.detect), reason, day)
	}
	for n := 1; ; n++ {
		out, err := r.run(ctx, j, n)
		if err != nil {
			return Updated{}, err
		}
		if r.Out == "" {
			_ = os.RemoveAll(out.Bundle) // temporary
		}
		switch {
		case out.Died != nil:
			return Updated{}, out.Died
		case out.Interrupted:
			return Updated{}, fmt.Errorf("%w: it was interrupted", context.Cause(ctx))
		}
		u, err := entry(j, out.Run, out.Result, reason, day)
		if !errors.Is(err, gate.ErrUnbounded) || n > j.retries {
			return u, err
		}
		r.tell(j, fmt.Sprintf("%v; once more, for twice as long", err))
	}
}

func entry(j *job, run *snapshot.Run, res *detect.Result, reason, day string) (Updated, error) {
	e, err := gate.NewEntry(gate.KeyOf(j.cfg.Name, run.Target.GoVersion, arch), run, res, reason, day)
	u := Updated{New: e}
	switch res.Verdict {
	case detect.RunLeak:
		u.Warnings = append(u.Warnings, "a run that leaks is recorded: the gate will take what it keeps for what is known; its budgets hold all the same")
	case detect.RunInconclusive:
		u.Warnings = append(u.Warnings, "an inconclusive run is recorded: a longer one gives intervals that tell more")
	}
	return u, err
}
