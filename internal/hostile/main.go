//go:build unix

// Command hostile holds a heapdrift against broken targets and broken loads, one
// after another, and prints for each the exit code, the seconds that it took and the
// largest resident set. One server gives them, a mode a path: a target at
// /m/MODE/debug/pprof, a load at /l/MODE.
//
//	go run ./internal/hostile -tool ./heapdrift -at http://127.0.0.1:7001 m/cached m/html l/302
//
// A target is put under the load of -leak, a load asks the target of -fine. Exit
// code 0 counts as a failure, but of what -healthy lists; so does memory above -rss.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// options say what is run, and against what.
type options struct {
	tool, at, leak, fine string
	long, patience       time.Duration
	rss                  int64 // bytes
	healthy              []string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	flags.StringVar(&o.tool, "tool", "", "`path` of the heapdrift to try")
	flags.StringVar(&o.at, "at", "", "`URL` of the server")
	flags.StringVar(&o.leak, "leak", "l/leak", "load of broken targets")
	flags.StringVar(&o.fine, "fine", "m/ok", "target of broken loads")
	flags.DurationVar(&o.long, "for", 12*time.Second, "steady time of each run")
	flags.DurationVar(&o.patience, "patience", 2*time.Minute, "after which a run counts as hung")
	flags.Int64Var(&o.rss, "rss", 300<<20, "`bytes` of memory that a run may take")
	healthy := flags.String("healthy", "l/ok", "`modes` that may be clean, with commas between")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.healthy = strings.Split(*healthy, ","); o.tool == "" || o.at == "" || flags.NArg() == 0 {
		return errors.New("usage: hostile -tool HEAPDRIFT -at URL m/MODE… l/MODE…")
	}
	fmt.Fprintln(out, "| mode | exit code | seconds | peak RSS, MiB |\n|---|--:|--:|--:|")
	var wrong []string
	for _, mode := range flags.Args() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		got, err := o.try(ctx, mode)
		if err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
		note := ""
		if why := o.fault(mode, got); why != "" {
			note = " **" + why + "**"
			wrong = append(wrong, mode+": "+why)
		}
		fmt.Fprintf(out, "| %s | %d%s | %.0f | %.0f |\n", mode, got.code, note, got.took.Seconds(), float64(got.rss)/(1<<20))
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// outcome is what one run came to; a code of −1 is of a run that was killed.
type outcome struct {
	code int
	took time.Duration
	rss  int64 // bytes
}

// fault says what is wrong with an outcome; "" for nothing.
func (o *options) fault(mode string, got outcome) string {
	switch {
	case got.code < 0:
		return "hung"
	case got.code == 0 && !slices.Contains(o.healthy, mode):
		return "clean"
	case got.code > 4:
		return "no exit code of heapdrift's"
	case got.rss > o.rss:
		return "memory"
	}
	return ""
}

// try runs heapdrift once.
func (o *options) try(ctx context.Context, mode string) (outcome, error) {
	target, load := mode, o.leak
	if strings.HasPrefix(mode, "l/") {
		target, load = o.fine, mode
	}
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.tool, "run", "--quiet", "--pprof", o.at+"/"+target+"/debug/pprof", "--url", o.at+"/"+load,
		"--rate", "50", "--warmup", "1s", "--drain", "1s", "--for", o.long.String(), "-o", dir+"/run")
	start := time.Now()
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	got := outcome{code: cmd.ProcessState.ExitCode(), took: time.Since(start)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		got.rss = int64(usage.Maxrss)
		if runtime.GOOS != "darwin" { // which counts bytes
			got.rss <<= 10
		}
	}
	return got, nil
}
