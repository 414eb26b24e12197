package session

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/harness"
)

func TestALoadIsGivenUpOnlyWhenEverythingFailsForLong(t *testing.T) {
	t.Parallel()
	start := time.Unix(1e9, 0)
	allBad := harness.Counts{Sent: 100, Completed: 100, Errors: 100}
	for _, c := range []struct {
		name   string
		after  time.Duration
		counts harness.Counts
		want   bool
	}{
		{"everything failed for 10 s", hopelessAfter, allBad, true},
		{"everything failed, but not yet for 10 s", hopelessAfter - 1, allBad, false},
		{"one operation was good", time.Hour, harness.Counts{Sent: 100, Completed: 100, Errors: 99}, false},
		{"too few to tell", time.Hour, harness.Counts{Sent: 19, Completed: 19, Errors: 19}, false},
		{"nothing was sent", time.Hour, harness.Counts{}, false},
	} {
		var f failing
		f.hopeless(start, harness.Counts{Sent: 1})
		if got := f.hopeless(start.Add(c.after), c.counts); got != c.want {
			t.Errorf("%s: hopeless = %v; want %v", c.name, got, c.want)
		}
	}
}

func TestFailedOperationsAreNamedByKindTheMostFrequentFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		counts  harness.Counts
		classes map[string]int64
		want    string
	}{
		{"below 1 % it is not worth a sentence", harness.Counts{Completed: 4000, Errors: 39}, map[string]int64{"timeout": 39}, ""},
		{"two kinds", harness.Counts{Completed: 4000, Errors: 1200}, map[string]int64{"timeout": 100, "status 500": 1100},
			"1,200 of 4,000 operations failed (status 500 1,100, timeout 100): "},
		{"one kind", harness.Counts{Completed: 1234567, Errors: 1234566}, map[string]int64{"refused": 1234566},
			"1,234,566 of 1,234,567 operations failed (refused): "},
		{"nothing completed", harness.Counts{Sent: 5}, nil, ""},
	} {
		if got := failureWarning(c.counts, c.classes); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

func TestRefusedSaysWhatFailedAndWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		e    RefusedError
		want string
	}{
		{RefusedError{Operations: 4000, Classes: map[string]int64{"status 404": 4000}, URL: "http://h/x"},
			"all 4,000 operations on http://h/x failed: status 404: the verdict would be about a service that refuses work"},
		{RefusedError{}, "no operation completed at all: "},
	} {
		if got := c.e.Error(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q; want it to begin with %q", got, c.want)
		}
	}
}

func TestALoadThatMissedItsRateIsNotCleanWhereThatWasAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		strictly bool
		valid    bool
		verdict  detect.RunVerdict
		want     bool
	}{
		{"asked, missed, clean", true, false, detect.RunClean, true},
		{"asked, missed, but a leak is a leak", true, false, detect.RunLeak, false},
		{"asked and kept", true, true, detect.RunClean, false},
		{"not asked", false, false, detect.RunClean, false},
	} {
		s := &session{cfg: Config{StrictRate: c.strictly}}
		if got := s.missedRate(&detect.Result{Verdict: c.verdict}, &harness.Result{Valid: c.valid}); got != c.want {
			t.Errorf("%s: missed %v; want %v", c.name, got, c.want)
		}
	}
}

func TestWhatMostSnapshotsLackIsSaidOnce(t *testing.T) {
	t.Parallel()
	of := func(p snapshot.Phase, missing ...string) *snapshot.Snapshot {
		return &snapshot.Snapshot{Meta: snapshot.Meta{Phase: p, Missing: missing}}
	}
	got := missingWarnings([]*snapshot.Snapshot{
		of(snapshot.PhaseIdle, "no sites yet"), of(snapshot.PhaseIdle, "no sites yet"),
		of(snapshot.PhaseSteady, "no goroutines", "no luck"), of(snapshot.PhaseSteady, "no goroutines"), of(snapshot.PhaseDrain),
	})
	if want := []string{"in 2 of 3 snapshots: no goroutines"}; !slices.Equal(got, want) {
		t.Errorf("warnings %q; want %q", got, want)
	}
}

func TestTheOfferWarnsOfWhatAVerdictNeeds(t *testing.T) {
	t.Parallel()
	feature := func(p capture.Piece, needed, offered bool) capture.Feature {
		return capture.Feature{Piece: p, Needed: needed, Offered: offered, For: "helps", Detail: "gone", Remedy: "bring it"}
	}
	o := &capture.Offer{Features: []capture.Feature{
		feature(capture.PieceHeap, true, true), feature(capture.PieceGC, true, false),
		feature(capture.PieceSites, true, false), feature(capture.PieceMetrics, false, false),
	}}
	kept, told := offerWarnings(o)
	if want := []string{"the target offers no collection on request, which helps: gone; bring it"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q; want %q", kept, want)
	}
	if len(told) != 1 || !strings.Contains(told[0], "sampled sites") {
		t.Errorf("told %q; want the sites alone", told)
	}
	o.Target.MemProfileRate = 524288 // sampling is on: there are only no samples yet
	if _, told = offerWarnings(o); len(told) != 0 {
		t.Errorf("told %q of a program that has just started; want nothing", told)
	}
}

func TestBundlesOfTwoRunsInOneSecondAreTwo(t *testing.T) {
	t.Chdir(t.TempDir())
	report := newReporter(nil)
	a, err := createBundle(&Config{}, report)
	if err != nil {
		t.Fatal(err)
	}
	b, err := createBundle(&Config{}, report)
	if err != nil {
		t.Fatal(err)
	}
	if a.Dir() == b.Dir() || filepath.Dir(a.Dir()) != runsFolder || filepath.Dir(b.Dir()) != runsFolder {
		t.Errorf("bundles %s and %s; want two beneath %s", a.Dir(), b.Dir(), runsFolder)
	}
}

func TestWithoutAFolderToWriteTheRunIsKeptElsewhereAndSaysSo(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	if err := os.WriteFile(runsFolder, nil, 0o644); err != nil { // no folder can be made there, not even by root
		t.Fatal(err)
	}
	report := newReporter(nil)
	b, err := createBundle(&Config{}, report)
	if err != nil {
		t.Fatal(err)
	}
	if w := report.all(); len(w) != 1 || w[0].Code != WarnBundleElsewhere || !strings.Contains(w[0].Text, b.Dir()) {
		t.Errorf("warnings %q; want one that names %s", w, b.Dir())
	}
	b.remove()
	if _, err := os.Stat(b.Dir()); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", b.Dir(), err)
	}
}

func TestAFolderThatWasThereBeforeIsNotTakenAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := createBundle(&Config{Out: dir}, newReporter(nil))
	if err != nil {
		t.Fatal(err)
	}
	b.remove()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v, %v; want it there and empty", entries, err)
	}
}

func TestConfigMistakesAreTheUsers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no target":              func(c *Config) { c.Pprof.URL = "" },
		"an address of no kind":  func(c *Config) { c.Pprof.URL = "ftp://x" },
		"no steady time":         func(c *Config) { c.Plan.Steady = 0 },
		"a negative drain":       func(c *Config) { c.Plan.Drain = -1 },
		"a negative sample rate": func(c *Config) { c.MemProfileRate = -1 },
		"a load without address": func(c *Config) { c.Load = &harness.HTTPConfig{} },
		"a bundle that is taken": func(c *Config) { c.Out = "." },
	} {
		cfg := DefaultConfig()
		cfg.Pprof.URL = "localhost:1"
		cfg.Out = filepath.Join(t.TempDir(), "run")
		change(&cfg)
		_, err := Run(t.Context(), cfg)
		if _, ok := err.(*ConfigError); !ok {
			t.Errorf("%s: %v; want a ConfigError", name, err)
		}
	}
}

func TestTheEndOfALogIsOneShortSentence(t *testing.T) {
	t.Parallel()
	log := "first\nsecond\n\n  third\r\n" + strings.Repeat("ä", longestLine) + "\n"
	got := lastLines(log, 3)
	if want := "second / third / " + strings.Repeat("ä", longestLine/2) + "…"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	if got := lastLines("\n\n", 3); got != "" {
		t.Errorf("%q of an empty log; want nothing", got)
	}
}

func TestAWarningIsToldOnceAndInItsSentence(t *testing.T) {
	t.Parallel()
	var told []string
	r := newReporter(func(e Event) {
		if e.Warning {
			told = append(told, e.Message)
		}
	})
	for range 2 {
		r.warn(WarnLoadNotValid, "90 of 100 arrivals were late")
		r.warn(WarnSnapshotsFailed, "%d of %d snapshots failed and are left out", 2, 10)
	}
	want := []snapshot.Warning{
		{Code: "load-not-valid", Text: "90 of 100 arrivals were late"},
		{Code: "snapshots-failed", Text: "2 of 10 snapshots failed and are left out"},
	}
	if got := r.all(); !slices.Equal(got, want) {
		t.Errorf("warnings %q; want %q", got, want)
	}
	if want := []string{"LOAD NOT VALID: 90 of 100 arrivals were late", want[1].Text}; !slices.Equal(told, want) {
		t.Errorf("told %q; want %q", told, want)
	}
	res := &detect.Result{}
	res.Warn(detected(r.all())...)
	res.Warn(detected(r.all())...)
	if len(res.Warnings) != 2 || res.Warnings[0].Code != detect.LoadNotValid || res.Warnings[1].Text != want[1].Text {
		t.Errorf("the result holds %+v; want each once", res.Warnings)
	}
}

func TestAnswersThatMayBeNoWorkAreSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unlike, completed, errors int64
		warned                    bool
	}{{0, 1000, 0, false}, {5, 1000, 0, false}, {10, 1000, 0, true}, {5, 1000, 600, true}, {1000, 1000, 0, true}} {
		s := &session{unlike: func() harness.Unlike { return harness.Unlike{All: c.unlike, Example: "of type text/html"} }}
		got := s.unlikeWarning(harness.Counts{Sent: c.completed, Completed: c.completed, Errors: c.errors})
		if (got != "") != c.warned || c.warned && !strings.Contains(got, "text/html") {
			t.Errorf("%+v: %q", c, got)
		}
	}
	for astray, want := range map[int64]bool{0: false, 450: false, 451: true, 900: true} {
		s := &session{unlike: func() harness.Unlike { return harness.Unlike{All: 900, Astray: astray} }}
		if got := s.astray(harness.Counts{Completed: 1000, Errors: 100}); (got != "") != want {
			t.Errorf("%d of 900 answers astray: %q", astray, got)
		}
	}
	if got := (&session{}).astray(harness.Counts{Completed: 1000}); got != "" {
		t.Errorf("a load that is not HTTP: %q", got)
	}
	if got := (&session{}).unlikeWarning(harness.Counts{Completed: 1000}); got != "" {
		t.Errorf("a load that is not HTTP: %q", got)
	}
}
