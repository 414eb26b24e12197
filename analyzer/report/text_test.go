package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestProseIsWrapped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for _, c := range []struct{ name, lead, in, want string }{
		{"a short sentence", "why  ", "it grew", "why  it grew\n"},
		{"exactly as long as a line", "", strings.Repeat("é", 39) + " " + strings.Repeat("é", 40), strings.Repeat("é", 39) + " " + strings.Repeat("é", 40) + "\n"},
		{"one longer", "", strings.Repeat("é", 40) + " " + strings.Repeat("é", 40), strings.Repeat("é", 40) + "\n" + strings.Repeat("é", 40) + "\n"},
		{"the rest stands below the beginning", "next: ", strings.Repeat("word ", 20), "next: " + strings.Repeat("word ", 14) + "word\n      word word word word word\n"},
		{"a word longer than a line", "  ", "a " + long + " b", "  a\n  " + long + "\n  b\n"},
		{"a number and its unit", "", strings.Repeat("x", 76) + " 90 % of 64 B", strings.Repeat("x", 76) + "\n90 % of 64 B\n"},
		{"a flag and its value", "", strings.Repeat("x", 70) + " --allow 'a.B'", strings.Repeat("x", 70) + "\n--allow 'a.B'\n"},
		{"nothing", "why  ", "", "why\n"},
	} {
		x := &text{}
		if x.prose(c.lead, c.in); x.b.String() != c.want {
			t.Errorf("%s:\n%q\nwant\n%q", c.name, x.b.String(), c.want)
		}
	}
}

// A recording is not helped by flags of another verb, and prose fits a terminal.
func TestTextOfARecordingNamesNoFlagsOfRun(t *testing.T) {
	t.Parallel()
	run, res := open()
	res.Findings[0].Verdict, res.Findings[0].Reasons = detect.Suspect, []detect.Reason{{Code: detect.SampleMore}}
	res.Warnings = []detect.Warning{{Code: detect.OperationsUnknown}}
	res.Findings = append(res.Findings, detect.Finding{Verdict: detect.Backlog, Function: "example.com/a.F"}, detect.Finding{Verdict: detect.Growing, Function: "example.com/a.G"})
	var live, recorded bytes.Buffer
	if err := Text(&live, run, res, TextOptions{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if err := Text(&recorded, run, res, TextOptions{Reader: Archivist, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(live.String(), "--for") || strings.Contains(recorded.String(), "--") || !strings.Contains(recorded.String(), "run longer") {
		t.Errorf("live:\n%s\nrecorded:\n%s", live.String(), recorded.String())
	}
	for _, line := range strings.Split(live.String(), "\n") {
		if strings.HasPrefix(line, "next: ") && utf8.RuneCountInString(line) > columns {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
}

func TestWarningsThatWereToldAreNotRepeated(t *testing.T) {
	t.Parallel()
	run, res := leaking()
	res.Warnings = []detect.Warning{told("one"), told("two")}
	var b bytes.Buffer
	if err := Text(&b, run, res, TextOptions{Told: []string{"one"}}); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "one\n") || !strings.Contains(s, "warning: two\n") {
		t.Errorf("%s\nwant a warning of two, none of one", s)
	}
}

// What keeps a run from clean is said, live objects too.
func TestLiveObjectsThatGrowAreSaidToKeepARunFromClean(t *testing.T) {
	run, res := calm()
	res.Verdict = detect.RunInconclusive
	res.Totals = append(res.Totals, detect.Total{Name: "live_objects", Growth: perOp(0.3, 0.2, 0.4), OpsPerSecond: 400, Verdict: detect.Growing})
	if why, _ := undecided(run, res, Operator); len(why) != 1 || !strings.HasPrefix(why[0].full, "live objects: +0.30 objects/op") {
		t.Errorf("%q, want what live objects did", why)
	}
}

// The bound that is printed is the one that decided, of what levelled off as well,
// and is told by the day.
func TestCleanPrintsTheBoundThatDecided(t *testing.T) {
	run, res := calm()
	res.Totals[0].Verdict = detect.Plateau
	res.Totals[0].Bound = &detect.Bound{Test: "levelled off", PerOp: ptr(12.5), PerSecond: ptr(5000.0), Limit: 64}
	var b strings.Builder
	if err := Text(&b, run, res, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"clean 24,000 ops: keeps less than 13 B/op (420 MiB/day) and 0.00018 goroutines/op; live heap grew before, then levelled off ",
		"limit 64 B/op and 0.01 goroutines/op; a leak of " + Seen(res) + " would have been seen",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("got\n%swant\n%s", b.String(), want)
		}
	}
}

// Running longer through a cache measures no more.
func TestARunThatWasNotMeasuredIsAdvisedToAskTheTarget(t *testing.T) {
	t.Parallel()
	run := &snapshot.Run{Snapshots: []*snapshot.Snapshot{{}}}
	res := &detect.Result{Verdict: detect.RunInconclusive, Snapshots: 20, Warnings: []detect.Warning{{Code: detect.NotMeasured, Values: detect.Values{N: 19, Of: 20}}}}
	var b bytes.Buffer
	if err := Text(&b, run, res, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, "next: ask the target itself") || !strings.Contains(s, "19 of 20") {
		t.Errorf("%s\nwant the advice to ask the target itself, and how many snapshots are none", s)
	}
}
