//go:build unix

// Command bench measures what the harness costs and how true its figures are,
// against vegeta where vegeta does the same, and prints the ratios of one run:
//
//	go run . [http] [noop] [precise] [count] [stall] [heap]
//
// It is a module of its own, so that vegeta is no dependency of heapdrift. The
// server and each client run in processes of their own: this program starts
// itself with the name of the part to play.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 {
		if part, ok := parts()[os.Args[1]]; ok {
			if err := part(ctx, os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, "bench "+os.Args[1]+":", err)
				os.Exit(1)
			}
			return
		}
	}
	if err := all(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parts are what this program does in the processes that it starts.
func parts() map[string]func(context.Context, []string) error {
	return map[string]func(context.Context, []string) error{
		"serve": serve, "client-heapdrift": clientOurs, "client-vegeta": clientVegeta, "client-noop": clientNoop, "client-ticks": clientTicks,
	}
}

// all measures the named tables, or every one.
func all(ctx context.Context, names []string) error {
	tables := []struct {
		name string
		run  func(context.Context) error
	}{{"http", tableHTTP}, {"noop", tableNoop}, {"precise", tablePrecise}, {"count", tableCount}, {"stall", tableStall}, {"heap", tableHeap}}
	for _, name := range names {
		if !slices.ContainsFunc(tables, func(t struct {
			name string
			run  func(context.Context) error
		}) bool {
			return t.name == name
		}) {
			return fmt.Errorf("unknown table %q; there are http, noop, precise, count, stall and heap", name)
		}
	}
	fmt.Printf("%s, %d CPUs, vegeta %s\n", runtime.Version(), runtime.NumCPU(), vegetaVersion())
	for _, t := range tables {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		fmt.Println()
		if err := t.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

func vegetaVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/tsenart/vegeta/v12" {
			return m.Version
		}
	}
	return "of unknown version"
}
