package flags

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
)

// set holds one flag of each kind.
type set struct {
	*pflag.FlagSet
	format  Format
	outputs Outputs
	header  http.Header
	limit   float64
	clean   detect.CleanLimit
	every   time.Duration
	n       int
	quiesce bool
}

func newSet() *set {
	s := &set{FlagSet: pflag.NewFlagSet("test", pflag.ContinueOnError), format: Text, clean: detect.CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01}}
	s.Var(&s.format, "format", "")
	s.Var(&s.outputs, "output-file", "")
	s.Var(Header{&s.header}, "pprof-header", "")
	s.Var(Bytes{&s.limit}, "limit", "")
	s.Var(CleanLimit{&s.clean}, "clean-below", "")
	s.DurationVar(&s.every, "every", 0, "")
	s.IntVarP(&s.n, "max-in-flight", "m", 256, "")
	s.BoolVar(&s.quiesce, "quiesce", false, "")
	return s
}

func TestTheCommandLineWinsOverTheEnvironment(t *testing.T) {
	t.Parallel()
	s := newSet()
	if err := s.Parse([]string{"--max-in-flight", "3", "--every", "2s"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"HEAPDRIFT_MAX_IN_FLIGHT": "9", "HEAPDRIFT_EVERY": "9s", "HEAPDRIFT_FORMAT": "json", "HEAPDRIFT_LIMIT": "1KiB",
		"HEAPDRIFT_PPROF_HEADER": "A: 1\nB: 2,3\n", "HEAPDRIFT_QUIESCE": "", "FORMAT": "markdown",
		"HEAPDRIFT_OUTPUT_FILE": "json=a\nmarkdown=b",
	}
	if err := Bind(s.FlagSet, func(k string) (string, bool) { v, ok := env[k]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	if s.n != 3 || s.every != 2*time.Second {
		t.Errorf("--max-in-flight %d --every %s: the environment overrode the command line", s.n, s.every)
	}
	if s.format != JSON || s.limit != 1024 {
		t.Errorf("format %s, limit %v: the environment was not read", s.format, s.limit)
	}
	if s.header.Get("A") != "1" || s.header.Get("B") != "2,3" {
		t.Errorf("headers %v, want one a line", s.header)
	}
	if len(s.outputs) != 2 || s.outputs[1] != (Output{Markdown, "b"}) {
		t.Errorf("outputs %v, want one a line", s.outputs)
	}
	if !Given(s.FlagSet, "every") || Given(s.FlagSet, "limit") || Given(s.FlagSet, "quiesce") {
		t.Error("a flag of the command line is not told from one of the environment")
	}
	if s.quiesce {
		t.Error("an empty variable set a flag")
	}
}

func TestAWrongVariableIsNamed(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"HEAPDRIFT_FORMAT": "yaml", "HEAPDRIFT_EVERY": "5", "HEAPDRIFT_MAX_IN_FLIGHT": "many", "HEAPDRIFT_LIMIT": "1M", "HEAPDRIFT_QUIESCE": "maybe",
	} {
		err := Bind(newSet().FlagSet, func(k string) (string, bool) { return value, k == name })
		var usage *exit.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%s=%s: got %v, want a usage error", name, value, err)
			continue
		}
		if !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "strconv") || strings.Contains(err.Error(), "invalid argument") {
			t.Errorf("%s=%s: the sentence is %q", name, value, err)
		}
	}
}

func TestMistakesAreSentencesWithARemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--formt", "json"}, "unknown flag --formt; did you mean --format?"},
		{[]string{"--output", "x"}, "unknown flag --output; did you mean --output-file?"},
		{[]string{"--wobble"}, "unknown flag --wobble; `heapdrift run --help` lists the flags"},
		{[]string{"-z"}, "unknown flag -z; `heapdrift run --help` lists the flags"},
		{[]string{"--format", "yaml"}, `flag --format: unknown format "yaml": use text, json or markdown`},
		{[]string{"--every", "5"}, `flag --every: "5" is not a length of time: write for example 500ms, 30s or 2m`},
		{[]string{"-m", "x"}, `flag --max-in-flight: "x" is not a whole number: write for example 16`},
		{[]string{"--limit", "512M"}, `flag --limit: "512M" has an unknown unit "M": use B, KiB, MiB, GiB, TiB or KB, MB, GB, TB`},
		{[]string{"--limit"}, "flag --limit needs a value; write --limit BYTES"},
		{[]string{"--output-file", "report.json"}, `flag --output-file: "report.json" is not FORMAT=PATH: write for example json=report.json`},
		{[]string{"--output-file", "yaml=x"}, `flag --output-file: unknown format "yaml": use text, json or markdown`},
		{[]string{"--output-file", "json=x", "--output-file", "text=x"}, `flag --output-file: two reports to the one file "x": give each its own`},
		{[]string{"--pprof-header", "Bearer s3cret"}, `flag --pprof-header: not a header: write "Name: value"`},
		{[]string{"--clean-below", "0"}, `flag --clean-below: "0" is no limit above 0: write BYTES[/TIME][,OBJECTS[,GOROUTINES]], for example 64,1,0.01 or 10MiB/day`},
	} {
		s := newSet()
		err := s.Parse(c.args)
		if err == nil {
			t.Errorf("%q: no error", c.args)
			continue
		}
		if got := Mistake(s.FlagSet, "heapdrift run", err); got.Error() != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.args, got, c.want)
		}
	}
}

func TestCleanLimitsKeepWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	base := detect.CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01}
	for in, want := range map[string]detect.CleanLimit{
		"128": {Bytes: 128, Objects: 1, Goroutines: 0.01}, "1KiB,2": {Bytes: 1024, Objects: 2, Goroutines: 0.01}, "1, 2, 0.5": {Bytes: 1, Objects: 2, Goroutines: 0.5},
		"86400/day": {Bytes: 64, Objects: 1, Goroutines: 0.01, BytesPerSecond: 1}, "1KiB/s,2": {Bytes: 64, Objects: 2, Goroutines: 0.01, BytesPerSecond: 1024},
		"60 / 0.5min": {Bytes: 64, Objects: 1, Goroutines: 0.01, BytesPerSecond: 2}, "7200B/2h": {Bytes: 64, Objects: 1, Goroutines: 0.01, BytesPerSecond: 1},
	} {
		got := base
		if err := (CleanLimit{&got}).Set(in); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-1", "1,x", "1,2,3,4", "1,NaN", "0/day", "1/year", "1/", "1/day/day", "1/0s", "x/s", "1,2/s"} {
		got := base
		if err := (CleanLimit{&got}).Set(in); err == nil || got != base {
			t.Errorf("%q: %v, %v, want an error and no change", in, got, err)
		}
	}
}

// A limit that is shown can be given, and one per operation takes the place of one by time.
func TestACleanLimitByTimeIsShownAsItCanBeGiven(t *testing.T) {
	t.Parallel()
	got := detect.CleanLimit{Bytes: 64, Objects: 1, Goroutines: 0.01}
	limit := CleanLimit{&got}
	if err := limit.Set("86400/day,2"); err != nil || limit.String() != "1/s,2,0.01" {
		t.Errorf("%v, %q, want 1/s,2,0.01", err, limit.String())
	}
	if err := limit.Set(limit.String()); err != nil || got.BytesPerSecond != 1 {
		t.Errorf("%v, %+v, want what it was", err, got)
	}
	if err := limit.Set("128"); err != nil || got != (detect.CleanLimit{Bytes: 128, Objects: 2, Goroutines: 0.01}) {
		t.Errorf("%v, %+v, want 128 bytes an operation", err, got)
	}
}

func TestHeaderValuesAreNotShown(t *testing.T) {
	t.Parallel()
	var h http.Header
	f := Header{&h}
	if err := f.Set("Authorization: Bearer s3cret"); err != nil {
		t.Fatal(err)
	}
	if got := f.String(); got != "Authorization" {
		t.Errorf("shown as %q", got)
	}
	for _, bad := range []string{"", "x", ": y", "a b: c", "x: a\r\nY: b", "é: 1"} {
		if err := f.Set(bad); err == nil {
			t.Errorf("%q is taken for a header", bad)
		}
	}
}
