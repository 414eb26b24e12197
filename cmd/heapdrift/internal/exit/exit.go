// Package exit is the one place that decides with which code heapdrift ends.
//
//	2  usage: a wrong flag, verb or argument, a path at which nothing is
//	1  a leak, or a budget broken
//	4  infrastructure: unreachable, unreadable, wrong kind of file, target died
//	3  inconclusive
//	0  clean
//
// Where several apply, the first in this order wins. An error never reads as a
// pass.
package exit

import (
	"context"
	"errors"
	"fmt"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/session"
)

// Code is an exit status.
type Code int

// The codes.
const (
	Clean          Code = 0
	Leak           Code = 1
	Usage          Code = 2
	Inconclusive   Code = 3
	Infrastructure Code = 4
)

// rank orders the codes by precedence; a code that is none of ours is as bad
// as infrastructure.
func (c Code) rank() int {
	switch c {
	case Usage:
		return 4
	case Leak:
		return 3
	case Inconclusive:
		return 1
	case Clean:
		return 0
	}
	return 2
}

// Worst is the code that wins: 2 > 1 > 4 > 3 > 0. Of none it is Clean.
func Worst(codes ...Code) Code {
	w := Clean
	for _, c := range codes {
		if c.rank() > w.rank() {
			w = c
		}
	}
	return w
}

// UsageError is a mistake in the command line. Problem and Remedy make one
// sentence.
type UsageError struct {
	Problem string // what is wrong, with its name
	Remedy  string // what to type instead; may be empty
	Err     error  // the cause; may be nil
}

// Usagef makes a UsageError whose problem is formatted; %w keeps the cause.
func Usagef(remedy, format string, args ...any) *UsageError {
	err := fmt.Errorf(format, args...)
	return &UsageError{Problem: err.Error(), Remedy: remedy, Err: errors.Unwrap(err)}
}

// Error is "problem; remedy".
func (e *UsageError) Error() string {
	if e.Remedy == "" {
		return e.Problem
	}
	return e.Problem + "; " + e.Remedy
}

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// OfRun is the code of a judged run: that of its verdict, but a target that
// did not live to the end of the run is infrastructure, unless a leak was
// proved before (then its end may be the leak's doing).
func OfRun(v detect.RunVerdict, died error) Code {
	if died != nil {
		return Worst(OfVerdict(v), Infrastructure)
	}
	return OfVerdict(v)
}

// OfComparison is the code of a scenario held against its truth.
func OfComparison(pass, undecided bool) Code {
	switch {
	case pass:
		return Clean
	case undecided:
		return Inconclusive
	}
	return Leak
}

// OfVerdict is the code of a judged run.
func OfVerdict(v detect.RunVerdict) Code {
	switch v {
	case detect.RunLeak:
		return Leak
	case detect.RunClean:
		return Clean
	}
	return Inconclusive
}

// OfError is the code of an error that ended a verb; nil is Clean. What is not
// known to be a mistake in the command line is infrastructure; a run that was
// interrupted before anything could be judged is inconclusive. Of joined errors
// the worst counts.
func OfError(err error) Code {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		worst := Clean
		for _, e := range joined.Unwrap() {
			worst = Worst(worst, OfError(e))
		}
		return worst
	}
	var (
		usage  *UsageError
		config *session.ConfigError
		input  *capture.InputError
	)
	switch {
	case err == nil:
		return Clean
	case errors.As(err, &usage), errors.As(err, &config):
		return Usage
	case errors.As(err, &input) && input.Absent:
		return Usage
	case errors.Is(err, context.Canceled):
		return Inconclusive
	}
	return Infrastructure
}
