// Command heapdrift decides whether a Go process leaks, on which line, and how
// much per operation. Each verb has a file here that binds flags to the
// packages that do the work; exit codes are those of internal/exit.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

// hardExit is what shells report of a process that an interrupt ended.
const hardExit = 130

// sameInterrupt is how far apart two signals may be that one interrupt sent:
// timeout(1) and others signal the process and then its group.
const sameInterrupt = 500 * time.Millisecond

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup(1) has it ignored
		signal.Notify(signals, syscall.SIGHUP) // the terminal went away: the recording is kept
	}
	screen := &stage{w: os.Stderr}
	go func() { // ends with the process
		<-signals
		first := time.Now()
		fmt.Fprintln(screen, "\nheapdrift: ending with what there is; interrupt again to quit at once")
		cancel()
		for range signals {
			if time.Since(first) > sameInterrupt {
				screen.release()
				os.Exit(hardExit)
			}
		}
	}()
	code := run(ctx, os.Args[1:], streams{
		in: os.Stdin, out: os.Stdout, err: screen, screen: screen,
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())), errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		env: os.LookupEnv,
	})
	os.Exit(int(code))
}

// run is the whole program but for signals: it returns the exit code.
func run(ctx context.Context, args []string, s streams) exit.Code {
	a := newApp(s)
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		a.progress.Line("heapdrift: " + err.Error())
	}
	a.progress.Done()
	codes := []exit.Code{a.code, exit.OfError(err)}
	if a.out.err != nil {
		a.progress.Line(fmt.Sprintf("heapdrift: write to standard output: %v; the result is not complete", a.out.err))
		codes = append(codes, exit.Infrastructure)
	}
	return exit.Worst(codes...)
}
