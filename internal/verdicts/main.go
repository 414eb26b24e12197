// Command verdicts shows what a heapdrift says of recordings, one after another,
// so that two versions of it can be compared by diff: a change that should leave
// every verdict as it is leaves its output as it is.
//
//	go run ./internal/verdicts -tool ./heapdrift FOLDER >before.txt
//
// It reads the documented JSON of `heapdrift analyze` and nothing else of it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("verdicts", flag.ContinueOnError)
	tool := flags.String("tool", "", "`path` of the heapdrift to ask")
	first := flags.Int("prefix", 0, "judge only the first `N` snapshots of the recordings that have more")
	atOnce := flags.Int("at-once", runtime.NumCPU(), "how many recordings are judged side by side")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *tool == "" || flags.NArg() == 0 {
		return errors.New("usage: verdicts -tool HEAPDRIFT [-prefix N] FOLDER")
	}
	var all []recording
	for _, folder := range flags.Args() {
		found, err := recordings(folder)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b recording) int { return strings.Compare(a.name, b.name) })
	said, err := askAll(ctx, *tool, all, *first, max(1, *atOnce))
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, strings.Join(said, "")); err != nil {
		return fmt.Errorf("write the verdicts: %w", err)
	}
	return nil
}

// askAll has all recordings judged, several at a time, and returns what is said
// of each, in their order.
func askAll(ctx context.Context, tool string, all []recording, first, atOnce int) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	said := make([]string, len(all))
	free := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, r := range all {
		free <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-free }()
			var err error
			if said[i], err = ask(ctx, tool, r, first); err != nil {
				cancel(fmt.Errorf("judge %s: %w", r.name, err))
			}
		})
	}
	wg.Wait()
	return said, context.Cause(ctx)
}

// ask has one recording judged: whole, or its first snapshots; empty where it
// has no more than those.
func ask(ctx context.Context, tool string, r recording, first int) (string, error) {
	dir := r.dir
	if first > 0 {
		copied, err := os.MkdirTemp("", "verdicts-")
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(copied) }()
		shorter, err := r.prefix(copied, first)
		if err != nil || !shorter {
			return "", err
		}
		dir = copied
	}
	cmd := exec.CommandContext(ctx, tool, "analyze", "--quiet", "--format", "json", dir)
	stdout, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		return "", errors.Join(err, ctx.Err())
	}
	return describe(r.name, cmd.ProcessState.ExitCode(), stdout)
}

// report is the part of heapdrift/report/v1 that is compared.
type report struct {
	Verdict string
	Totals  map[string]struct {
		Verdict   string
		PerOp     *interval `json:"per_op"`
		PerSecond *interval `json:"per_second"`
	}
	Findings []struct {
		ID, Kind, Verdict, Function string
		Bytes                       *interval `json:"bytes_per_op"`
		Objects                     *interval `json:"objects_per_op"`
		Goroutines                  *interval `json:"goroutines_per_op"`
		Allocated                   *interval `json:"allocated_bytes_per_op"`
		Share                       *float64
	}
}

type interval struct{ Estimate, Lo, Hi *float64 }

// String is empty for what the report does not have.
func (i *interval) String() string {
	if i == nil {
		return ""
	}
	return fmt.Sprintf("%s [%s, %s]", figure(i.Estimate), figure(i.Lo), figure(i.Hi))
}

func figure(v *float64) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprintf("%.6g", *v)
}

// describe is a line of the run, one of each total that is known and one of each
// finding.
func describe(name string, exit int, stdout []byte) (string, error) {
	var r report
	if len(bytes.TrimSpace(stdout)) > 0 {
		if err := json.Unmarshal(stdout, &r); err != nil {
			return "", fmt.Errorf("its report is no JSON: %w", err)
		}
	}
	var b strings.Builder
	line := func(indent, name string, fields ...string) {
		b.WriteString(indent + name)
		for pair := range slices.Chunk(fields, 2) {
			if pair[1] != "" {
				b.WriteString(" " + pair[0] + pair[1])
			}
		}
		b.WriteByte('\n')
	}
	line("", name, "exit ", fmt.Sprint(exit), "", or(r.Verdict, "no verdict"))
	var names []string
	for n := range r.Totals {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		t := r.Totals[n]
		if t.Verdict == "" && t.PerOp == nil && t.PerSecond == nil {
			continue // as if it were not there
		}
		line("  ", n, "", or(t.Verdict, "-"), "per_op ", t.PerOp.String(), "per_second ", t.PerSecond.String())
	}
	for _, f := range r.Findings {
		share := ""
		if f.Share != nil {
			share = figure(f.Share)
		}
		line("  ", or(f.ID, "-"), "", f.Kind, "", or(f.Verdict, "-"), "", f.Function,
			"bytes_per_op ", f.Bytes.String(), "objects_per_op ", f.Objects.String(),
			"goroutines_per_op ", f.Goroutines.String(), "allocated_bytes_per_op ", f.Allocated.String(), "share ", share)
	}
	return b.String(), nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// recording is a folder that `heapdrift analyze` reads as one run.
type recording struct {
	name   string // its path, from the name of the folder that it was found in
	dir    string
	bundle bool // of heapdrift; else profiles that another tool left behind
}

const snapshots = "snapshots" // the folder of a bundle that holds them

// recordings finds what is recorded below a folder; what is in a recording is
// not another.
func recordings(folder string) ([]recording, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	var found []recording
	err = filepath.WalkDir(folder, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		bundle, profiles := holds(dir, entries)
		if !bundle && !profiles {
			return nil
		}
		name, err := filepath.Rel(filepath.Dir(folder), dir)
		if err != nil {
			return err
		}
		found = append(found, recording{filepath.ToSlash(name), dir, bundle})
		return fs.SkipDir
	})
	if err != nil {
		return nil, fmt.Errorf("look for recordings: %w", err)
	}
	return found, nil
}

func holds(dir string, entries []fs.DirEntry) (bundle, profiles bool) {
	for _, e := range entries {
		switch {
		case e.Name() == "run.json" && !e.IsDir(), e.Name() == snapshots && e.IsDir():
			bundle = true
		case !e.IsDir():
			profiles = profiles || isProfile(filepath.Join(dir, e.Name()))
		}
	}
	return bundle, profiles
}

// isProfile tells by the name, or by the head of what has another.
func isProfile(file string) bool {
	for _, ext := range []string{".pb.gz", ".pb", ".pprof", ".prof"} {
		if strings.HasSuffix(file, ext) {
			return true
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 32)
	n, _ := io.ReadFull(f, head)
	return bytes.HasPrefix(head[:n], []byte("heap profile: ")) || bytes.HasPrefix(head[:n], []byte("goroutine profile: "))
}

// prefix makes a recording of the first n snapshots in an empty folder, by
// links; false where there are no more. Profiles of one name but for the
// extension are of one snapshot.
func (r recording) prefix(to string, n int) (shorter bool, err error) {
	from, names := r.dir, map[string]bool{}
	if r.bundle {
		from = filepath.Join(r.dir, snapshots)
	}
	entries, err := os.ReadDir(from) // in the order of their names
	if err != nil {
		return false, err
	}
	if r.bundle {
		beside, err := os.ReadDir(r.dir)
		if err != nil {
			return false, err
		}
		if err := link(r.dir, to, beside); err != nil {
			return false, err
		}
		to = filepath.Join(to, snapshots)
	}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".")
		if e.IsDir() != r.bundle || !r.bundle && !isProfile(filepath.Join(from, e.Name())) {
			continue
		}
		if names[name] = true; len(names) > n {
			return true, nil
		}
		if !r.bundle {
			err = link(from, to, []fs.DirEntry{e})
		} else if inside, rerr := os.ReadDir(filepath.Join(from, e.Name())); rerr != nil {
			err = rerr
		} else {
			err = link(filepath.Join(from, e.Name()), filepath.Join(to, e.Name()), inside)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// link links the files among entries of one folder into another.
func link(from, to string, entries []fs.DirEntry) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
