//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// answer is what the server answers: a small JSON document.
var answer = []byte(`{"id":"0123456789abcdef","status":"accepted","chunks":12}` + "\n")

// serve answers on loopback until its standard input closes. With the argument
// "stall" it stands still for the first second in every five.
func serve(_ context.Context, args []string) error {
	stalls := slices.Contains(args, "stall")
	begin := time.Now()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if stalls {
				if in := time.Since(begin) % (5 * time.Second); in < time.Second {
					time.Sleep(time.Second - in)
				}
			}
			_, _ = w.Write(answer)
		}))
	}()
	fmt.Println("http://" + l.Addr().String())
	_, _ = os.Stdin.Read(make([]byte, 1))
	return nil
}

// startServer starts a server in a process of its own.
func startServer(ctx context.Context, args ...string) (url string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, self(), append([]string{"serve"}, args...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	if _, err := fmt.Fscanln(out, &url); err != nil {
		stop()
		return "", nil, fmt.Errorf("read the server's address: %w", err)
	}
	return url, stop, nil
}

// figures is what a client reports, as JSON on its standard output.
type figures struct {
	Requests int64
	Errors   int64
	Seconds  float64
	CPU      float64 // seconds, user and system, of the client's process
	Mallocs  float64 // an operation
	P50, P99 time.Duration
	Valid    bool
	// of heapdrift: from the intended time to the start
	LagP50, LagP99 time.Duration
}

// client plays a client's part in a process of its own.
func client(ctx context.Context, part string, args ...string) (figures, error) {
	var f figures
	cmd := exec.CommandContext(ctx, self(), append([]string{part}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("%s %s: %w", part, strings.Join(args, " "), err)
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return f, fmt.Errorf("%s: %w", part, err)
	}
	if f.Errors > 0 {
		return f, fmt.Errorf("%s: %d of %d requests failed", part, f.Errors, f.Requests)
	}
	return f, nil
}

func report(f figures) error { return json.NewEncoder(os.Stdout).Encode(f) }

func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// cpuSeconds is what this process has used, user and system.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}
