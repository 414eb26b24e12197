package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// screen is a report's text; it fails the test where that does not fit.
func screen(t *testing.T, name string, run *snapshot.Run, res *detect.Result, o TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, run, res, o); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	count := func(lead string) (n int) {
		for _, l := range lines {
			if strings.HasPrefix(l, lead) {
				n++
			}
		}
		return n
	}
	if h := height(lines); !o.Verbose && (h > mostLines || count("warning: ") > mostWarnings || count("next: ") > 1) {
		t.Errorf("%s: %d lines at %d columns, %d warnings, %d next; want at most %d, %d, 1:\n%s", name, h, columns, count("warning: "), count("next: "), mostLines, mostWarnings, b.String())
	}
	return b.String()
}

// The recording of the testdata, whole and with pieces missing, as whoever analyzes
// it sees it.
func TestARecordingFitsAScreen(t *testing.T) {
	t.Parallel()
	pieces := map[string]func(*snapshot.Snapshot){
		"whole": func(*snapshot.Snapshot) {},
		"without phases": func(s *snapshot.Snapshot) {
			s.Phase = snapshot.PhaseUnknown
		},
		"without operations": func(s *snapshot.Snapshot) { s.Ops = nil },
		"profiles alone": func(s *snapshot.Snapshot) {
			s.Ops, s.Phase, s.Goroutines, s.Counters = nil, snapshot.PhaseUnknown, nil, snapshot.Counters{}
		},
		"goroutines alone": func(s *snapshot.Snapshot) {
			s.Ops, s.Phase, s.Heap, s.Counters = nil, snapshot.PhaseUnknown, nil, snapshot.Counters{}
		},
	}
	for name, take := range pieces {
		for _, n := range []int{3, 8, 12, 18} {
			run, err := capture.Open(t.Context(), "../capture/testdata/shop")
			if err != nil {
				t.Fatal(err)
			}
			run.Snapshots = run.Snapshots[:n]
			for _, s := range run.Snapshots {
				take(s)
			}
			res := detect.Analyze(run, detect.DefaultConfig())
			for _, reader := range []Reader{Operator, Archivist} {
				said := screen(t, fmt.Sprintf("%s, %d snapshots", name, n), run, res, TextOptions{Reader: reader, Bundle: "runs/2026-11-22T10-15-00"})
				if n == 18 && reader == Archivist {
					golden(t, "shop-"+strings.ReplaceAll(name, " ", "-")+".txt", []byte(said))
				}
			}
		}
	}
}

// Whatever there is to say, it fits: the first finding, the warnings that cost the
// most and the one thing to do are there.
func TestTheWorstFitsAScreen(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a long tale of what came about, ", 12) + "and how it ended; do this and that"
	for _, verdict := range []detect.RunVerdict{detect.RunLeak, detect.RunInconclusive} {
		run, res := leaking()
		if res.Verdict = verdict; verdict == detect.RunInconclusive {
			res.Proof, res.Reasons = "", nil
			for i := range res.Totals {
				res.Totals[i].Verdict = detect.Growing
				res.Totals[i].Reasons = []detect.Reason{{Code: detect.SlackensLate}, {Code: detect.KeptAfterDrain}, {Code: detect.MoreGoneThanGrew}}
			}
		}
		f := res.Findings[0]
		f.Reasons = append(f.Reasons, f.Reasons...)
		f.HeldBy = append(f.HeldBy, f.HeldBy...)
		for range 20 {
			res.Findings = append(res.Findings, f)
		}
		for i := range 9 {
			res.Warnings = append(res.Warnings, told(fmt.Sprint(i, long)))
		}
		res.Warnings = append(res.Warnings, detect.Warning{Code: detect.OperationsUnknown}, detect.Warning{Code: detect.FewSnapshots, Values: detect.Values{N: 3, Of: 6}})
		said := screen(t, string(verdict), run, res, TextOptions{Bundle: "runs/2026-11-22T10-15-00"})
		few, ops := strings.Index(said, "warning: 3 snapshots after"), strings.Index(said, "warning: operations are not known")
		if few < 0 || ops < few || !strings.Contains(said, "embed.(*Batcher).Flush") || !strings.Contains(said, "more warnings with -v") || strings.Count(said, "next: ") != 1 {
			t.Errorf("%s: want the first finding, the two costly warnings in their order, how many more and what to do next:\n%s", verdict, said)
		}
		all := screen(t, string(verdict), run, res, TextOptions{Verbose: true})
		if n := strings.Count(all, "warning: "); n != len(res.Warnings) {
			t.Errorf("%s: all is %d warnings, want %d", verdict, n, len(res.Warnings))
		}
	}
}

func TestAPageGrowsWhileThereIsRoom(t *testing.T) {
	t.Parallel()
	lines := func(n int) []string { return slices.Repeat([]string{"x"}, n) }
	p := &page{}
	head := p.add(lines(20))
	note := p.add(nil, lines(3), lines(9))
	wide := p.add(nil, []string{strings.Repeat("x", columns+1)})
	for _, c := range []struct {
		name      string
		s         *slot
		to, spare int
		want      bool
		height    int
	}{
		{"its only form", head, 3, 0, true, 20},
		{"a longer form that has room", note, 1, 0, true, 23},
		{"the longest, which has none", note, 2, 0, false, 23},
		{"a line that a terminal breaks, with a line to spare", wide, 1, 1, false, 23},
		{"the same without", wide, 1, 0, true, 25},
		{"a form that it has outgrown", note, 0, 0, true, 25},
	} {
		if got := p.grow(c.s, c.to, c.spare); got != c.want || p.height() != c.height {
			t.Errorf("%s: grew %v to %d lines, want %v and %d", c.name, got, p.height(), c.want, c.height)
		}
	}
	if p.whole(); p.height() != 31 {
		t.Errorf("the whole is %d lines, want 31", p.height())
	}
}

func TestOfOneCauseIsOneRow(t *testing.T) {
	t.Parallel()
	group := func(id string, n int, fn string, v detect.Verdict) detect.Finding {
		return detect.Finding{ID: id, Kind: detect.KindGoroutine, Verdict: v, Function: fn, WaitReason: "chan receive", Count: detect.Count(n)}
	}
	site := func(id, by string, v detect.Verdict) detect.Finding {
		return detect.Finding{ID: id, Kind: detect.KindHeap, Verdict: v, Function: "p.New", HeldBy: []detect.Holder{{Function: by, WaitReason: "chan receive"}}}
	}
	for _, c := range []struct {
		name string
		of   []detect.Finding
		want string // ids in order; those under another in brackets
	}{
		{"goroutines and what they retain", []detect.Finding{site("h", "p.wait", detect.Leak), group("g", 50, "p.wait", detect.Leak)}, "g (h)"},
		{"of another verdict", []detect.Finding{site("h", "p.wait", detect.Leak), group("g", 50, "p.wait", detect.Suspect)}, "h g"},
		{"retained by others", []detect.Finding{site("h", "p.other", detect.Leak), group("g", 50, "p.wait", detect.Leak)}, "h g"},
		{"twice as many of one package, and what those retain", []detect.Finding{site("h", "p.b", detect.Leak), group("g", 100, "p.b", detect.Leak), group("f", 50, "p.a", detect.Leak)}, "f (g) (h)"},
		{"as many of one package", []detect.Finding{group("g", 50, "p.b", detect.Leak), group("f", 50, "p.a", detect.Leak)}, "f (g)"},
		{"half as many again", []detect.Finding{group("g", 75, "p.b", detect.Leak), group("f", 50, "p.a", detect.Leak)}, "g f"},
		{"as many of another package", []detect.Finding{group("g", 50, "p.b", detect.Leak), group("f", 50, "q.a", detect.Leak)}, "g f"},
	} {
		var got []string
		for _, l := range linked(&detect.Result{Findings: c.of}) {
			if l.under {
				got = append(got, "("+l.ID+")")
			} else {
				got = append(got, l.ID)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
}
