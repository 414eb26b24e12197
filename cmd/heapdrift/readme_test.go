package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// transcript returns the command and the output that follow the mark in the
// README.
func transcript(t *testing.T) (args, lines []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "<!-- transcript:")
	if !ok {
		t.Fatal("the README has no transcript")
	}
	_, rest, _ = strings.Cut(rest, "```\n$ go run ./cmd/heapdrift ")
	block, _, ok := strings.Cut(rest, "\n```")
	if !ok {
		t.Fatal("the README's transcript does not begin with $ go run ./cmd/heapdrift")
	}
	command, output, _ := strings.Cut(block, "\n")
	for line := range strings.Lines(output) {
		if line = shape(line); line != "" && line != "…" {
			lines = append(lines, line)
		}
	}
	return strings.Fields(command), lines
}

var (
	sourceLine = regexp.MustCompile(`\.go:\d+`)
	number     = regexp.MustCompile(`\d+h\d+m|\d+m\d+s|-?\d[\d,.]*(e-?\d+)?`)
	size       = regexp.MustCompile(`# (B|KiB|MiB|GiB|s|h)\b`)
	plural     = regexp.MustCompile(`\b(finding|site)s\b`)
	spaces     = regexp.MustCompile(`\s+`)
)

// shape is a line without what differs from run to run: numbers, their units
// and the spaces that align them, or that end a line. The line of a source file stays.
func shape(line string) string {
	line = strings.TrimSpace(spaces.ReplaceAllString(line, " "))
	keep := sourceLine.FindAllString(line, -1)
	line = sourceLine.ReplaceAllString(line, "§")
	line = number.ReplaceAllString(line, "#")
	line = size.ReplaceAllString(line, "#")
	line = plural.ReplaceAllString(line, "$1")
	for _, k := range keep {
		line = strings.Replace(line, "§", k, 1)
	}
	return line
}

func TestTheREADMEsTranscriptIsWhatHappens(t *testing.T) {
	if testing.Short() {
		t.Skip("the demo takes half a minute; left out by -short")
	}
	if underRace {
		t.Skip("the demo measures heaps, which the race detector changes; the plain tests run it")
	}
	t.Parallel()
	args, want := transcript(t)
	if len(want) < 8 {
		t.Fatalf("the transcript has %d lines of output; want all of it", len(want))
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	// The README's command with its phases shortened: the lines are the same,
	// and their numbers are not compared.
	cmd.Env = append(os.Environ(), asProgram+"=1", "HEAPDRIFT_FOR=5s", "HEAPDRIFT_EVERY=250ms", "HEAPDRIFT_WARMUP=1s", "HEAPDRIFT_DRAIN=1s")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("heapdrift %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	// Lines are broken where they are full: at another word where a number is
	// longer.
	said, at := shape(string(out)), 0
	for _, line := range want {
		line = strings.TrimSpace(strings.TrimSuffix(line, "…"))
		i := strings.Index(said[at:], line)
		if i < 0 {
			t.Fatalf("the README says, and the program did not, or not in this place:\n%s\nit said:\n%s", line, out)
		}
		at += i + len(line)
	}
}

func TestShapeKeepsWhatATranscriptIsAbout(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"▲ leak  35.2 KiB/op [33.8, 36.6]  embed.Hasher.Vector  pipeline/embed/hasher.go:52  73.6 MiB live", "▲ leak 9 B/op [8.1, 10] embed.Hasher.Vector pipeline/embed/hasher.go:52 900 KiB live"},
		{"Out of memory (512 MiB) in about 59 s [59 s, 1m02s] at this rate.", "Out of memory (512 MiB) in about 7m13s [7m09s, 7m18s] at this rate."},
	} {
		if shape(c.a) != shape(c.b) {
			t.Errorf("want the same shape:\n%s\n%s", shape(c.a), shape(c.b))
		}
	}
	for _, c := range []struct{ a, b string }{
		{"▲ leak 1 B/op hasher.go:52", "▲ leak 1 B/op hasher.go:53"},
		{"▲ leak 1 B/op hasher.go:52", "△ suspect 1 B/op hasher.go:52"},
	} {
		if shape(c.a) == shape(c.b) {
			t.Errorf("want different shapes: %s", shape(c.a))
		}
	}
}
