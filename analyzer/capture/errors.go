package capture

import (
	"errors"
	"strings"
)

// TargetError says that the process under test could not be asked, or
// answered something of no use.
type TargetError struct {
	URL     string // as asked, without credentials
	Problem string // what happened
	Remedy  string // what to do about it
	Err     error  // the cause; may be nil
}

// Error is "ask URL: problem; remedy".
func (e *TargetError) Error() string { return sentence("ask "+e.URL, e.Problem, e.Remedy) }

// Unwrap returns the cause.
func (e *TargetError) Unwrap() error { return e.Err }

// InputError says that a recording could not be read.
type InputError struct {
	Absent  bool // nothing is at Path: a mistake in the command rather than in the data
	Path    string
	Problem string
	Remedy  string
	Err     error // the cause; may be nil
}

// Error is "read PATH: problem; remedy".
func (e *InputError) Error() string { return sentence("read "+e.Path, e.Problem, e.Remedy) }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

func sentence(operation, problem, remedy string) string {
	var b strings.Builder
	b.WriteString(operation)
	b.WriteString(": ")
	b.WriteString(problem)
	if remedy != "" {
		b.WriteString("; ")
		b.WriteString(remedy)
	}
	return b.String()
}

// problemOf splits an error into what happened and what to do about it.
func problemOf(err error) (problem, remedy string) {
	var t *TargetError
	if errors.As(err, &t) {
		return t.Problem, t.Remedy
	}
	var c *contentError
	if errors.As(err, &c) {
		return c.problem, c.remedy
	}
	return err.Error(), ""
}
