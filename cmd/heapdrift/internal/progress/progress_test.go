package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// at is a status of the steady phase so many seconds into it.
func at(seconds int) Status {
	return Status{
		Time: time.Unix(1000+int64(seconds), 0), Phase: "steady", Pass: 1,
		Done: time.Duration(seconds) * time.Second, Total: time.Minute, Ops: int64(400 * seconds), Snapshots: 6 + seconds/3,
	}
}

func TestPlainLinesComeNowAndThenAndAtPhaseChanges(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := New(&b, Plain)
	for s := range 25 {
		p.Show(at(s))
	}
	drain := at(25)
	drain.Phase, drain.Pass = "drain", 0
	p.Show(drain)
	p.Done()
	want := `steady 1 0:00/1:00  6 snapshots
steady 1 0:10/1:00  4,000 ops  9 snapshots
steady 1 0:20/1:00  8,000 ops  12 snapshots
drain 0:25/1:00  10,000 ops  14 snapshots
`
	if b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
}

func TestATerminalGetsOneLineThatIsRewritten(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := New(&b, Terminal)
	for s := range 3 {
		p.Show(at(s))
	}
	if n := strings.Count(b.String(), "\n"); n != 0 {
		t.Errorf("%d line breaks, want none: %q", n, b.String())
	}
	if n := strings.Count(b.String(), "\r\x1b[K"); n != 3 {
		t.Errorf("%d rewrites, want 3: %q", n, b.String())
	}
	warning := at(3)
	warning.Message, warning.Warning = "a snapshot failed", true
	p.Show(warning)
	if !strings.Contains(b.String(), "\r\x1b[Kwarning: a snapshot failed\n\r\x1b[Ksteady") {
		t.Errorf("the warning has no line of its own above the progress: %q", b.String())
	}
	p.Done()
	if !strings.HasSuffix(b.String(), "\r\x1b[K") {
		t.Errorf("the line is not cleared at the end: %q", b.String())
	}
	n := b.Len()
	p.Done()
	if b.Len() != n {
		t.Error("Done twice writes twice")
	}
}

func TestARewrittenLineNeverWraps(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := at(59)
	s.Name, s.Ops, s.Errors, s.Shed = strings.Repeat("é", 60), 1<<60, 1<<60, 1<<60
	New(&b, Terminal).Show(s)
	if n := utf8.RuneCountInString(strings.TrimPrefix(b.String(), "\r\x1b[K")); n > 79 {
		t.Errorf("%d columns, want at most 79", n)
	}
}

func TestQuietIsSilent(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := New(&b, Quiet)
	s := at(1)
	p.Show(s)
	s.Message = "started"
	p.Show(s)
	s.Message, s.Warning = "died", true
	p.Show(s)
	if b.String() != "" {
		t.Errorf("got %q, want nothing", b.String())
	}
}

func TestOneSnapshotIsOne(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "1 snapshot", 2: "2 snapshots", 1234: "1,234 snapshots"} {
		if got := Snapshots(n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestMessagesCannotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	New(&b, Plain).Line("it said \x1b[2J\u009b2J\nand left")
	if b.String() != "it said [2J2J and left\n" {
		t.Errorf("got %q", b.String())
	}
}

func TestLinesSayWhatIsKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   Status
		want string
	}{
		{Status{Phase: "start"}, "start"},
		{Status{Name: "closure/leaky", Phase: "drain", Done: 3 * time.Second}, "closure/leaky  drain 0:03"},
		{Status{Phase: "steady", Pass: 2, Done: 2 * time.Hour, Total: 3*time.Hour + 125*time.Second, Ops: 1234567, Errors: 1, Shed: 2, Snapshots: 3},
			"steady 2 2:00:00/3:02:05  1,234,567 ops  1 errors  2 shed  3 snapshots"},
		{Status{Phase: "steady", Done: 61 * time.Second, Total: time.Minute}, "steady 1:00/1:00"},
	} {
		if got := c.in.line(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
