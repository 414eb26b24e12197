package flags

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/internal/spelling"
)

// Prefix of the environment variables that set flags.
const Prefix = "HEAPDRIFT_"

// Variable is the environment variable of a flag: HEAPDRIFT_MAX_IN_FLIGHT of
// --max-in-flight.
func Variable(flag string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Bind sets each flag that the command line left alone from its environment
// variable, where that is set and not empty. A repeatable flag takes one value
// a line. The error is a *exit.UsageError.
func Bind(fs *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var first error
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || first != nil {
			return
		}
		name := Variable(f.Name)
		v, ok := lookup(name)
		if !ok || v == "" {
			return
		}
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[fromEnvironment] = []string{name}
		values := []string{v}
		if repeatable(f.Value) {
			values = strings.Split(strings.TrimRight(v, "\n"), "\n")
		}
		for _, v := range values {
			if err := fs.Set(f.Name, v); err != nil {
				var invalid *pflag.InvalidValueError
				if errors.As(err, &invalid) {
					err = invalid.Unwrap()
				}
				first = exit.Usagef("", "environment variable %s (for --%s): %s", name, f.Name, reason(f, v, err))
				return
			}
		}
	})
	return first
}

// fromEnvironment marks a flag that Bind has set.
const fromEnvironment = "heapdrift-environment"

// Given reports whether a flag is on the command line itself: a default of the
// environment that does not suit this call is no mistake.
func Given(fs *pflag.FlagSet, name string) bool {
	f := fs.Lookup(name)
	return f != nil && f.Changed && f.Annotations[fromEnvironment] == nil
}

func repeatable(v pflag.Value) bool {
	switch v.(type) {
	case *Outputs, Header:
		return true
	}
	_, ok := v.(pflag.SliceValue)
	return ok
}

// Mistake turns what pflag says about a wrong flag into one sentence that
// names the flag and the remedy.
func Mistake(fs *pflag.FlagSet, command string, err error) *exit.UsageError {
	help := fmt.Sprintf("`%s --help` lists the flags", command)
	var (
		unknown  *pflag.NotExistError
		required *pflag.ValueRequiredError
		invalid  *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		if unknown.GetSpecifiedShortnames() != "" {
			return exit.Usagef(help, "unknown flag -%s", unknown.GetSpecifiedName())
		}
		name := unknown.GetSpecifiedName()
		if near := spelling.Nearest(name, names(fs)); near != "" {
			return exit.Usagef(fmt.Sprintf("did you mean --%s?", near), "unknown flag --%s", name)
		}
		return exit.Usagef(help, "unknown flag --%s", name)
	case errors.As(err, &required):
		f := required.GetFlag()
		return exit.Usagef(fmt.Sprintf("write --%s %s", f.Name, strings.ToUpper(f.Value.Type())), "flag --%s needs a value", f.Name)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return exit.Usagef("", "flag --%s: %s", f.Name, reason(f, invalid.GetValue(), invalid.Unwrap()))
	}
	return exit.Usagef(help, "%w", err)
}

// reason says why a value does not suit a flag, and which would. The values of
// heapdrift's own kinds say it themselves.
func reason(f *pflag.Flag, value string, err error) string {
	switch f.Value.Type() {
	case "duration":
		return fmt.Sprintf("%q is not a length of time: write for example 500ms, 30s or 2m", value)
	case "int", "int64":
		return fmt.Sprintf("%q is not a whole number: write for example 16", value)
	case "float64":
		return fmt.Sprintf("%q is not a number: write for example 0.5", value)
	case "bool":
		return fmt.Sprintf("%q is neither true nor false: write --%s or --%s=false", value, f.Name, f.Name)
	}
	return err.Error()
}

func names(fs *pflag.FlagSet) []string {
	var out []string
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			out = append(out, f.Name)
		}
	})
	return out
}
