package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// codes are those that package detect declares.
func codes(t *testing.T) []detect.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../detect/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []detect.Code
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := v.Type.(*ast.Ident); ok && of.Name == "Code" {
			for _, x := range v.Values {
				s, err := strconv.Unquote(x.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, detect.Code(s))
			}
		}
		return true
	})
	if len(out) < 100 {
		t.Fatalf("%d codes found in reason.go: the test reads them wrongly", len(out))
	}
	return out
}

func TestEveryCodeHasASentence(t *testing.T) {
	t.Parallel()
	all := codes(t)
	for _, c := range all {
		if sentences[c] == "" {
			t.Errorf("the code %s has no sentence", c)
		}
	}
	for c := range sentences {
		if !slices.Contains(all, c) {
			t.Errorf("the sentence of %s has no code", c)
		}
	}
}

// Every name in braces is a figure, whatever it is; and what is only known on a
// command line is kept from go test.
func TestSentencesAreWhole(t *testing.T) {
	t.Parallel()
	known := detect.Values{
		N: 7, Of: 8, Tau: 0.5, P: 0.1, SlopeP: 0.2, Level: 0.3, Share: 0.4, Times: 2, Grew: 1, Floor: 2, Upper: 3, Limit: 4,
		Samples: 5, Count: 6, From: 7, To: 8, Bytes: 9, Rate: 10, Seconds: 11, Period: 12, OldPeriod: 13, Per: detect.PerOp,
		Function: "example.com/a/b.F", Wait: "select", Parts: []detect.Part{{Name: "stacks", Function: "example.com/a/b.F", File: "/a/b.go", Line: 1, Bytes: 2, Share: 0.5, Rate: 3, Per: detect.PerOp}},
		More: 1, Run: "first", Text: "a text", Exponent: &stats.Interval{Estimate: 0.9, Lo: 0.8, Hi: 0.95},
	}
	braces := regexp.MustCompile(`\{([^}]*)\}`)
	for c, template := range sentences {
		figures := telling{Values: known, kind: detect.KindHeap}.figures()
		for _, in := range braces.FindAllStringSubmatch(template, -1) {
			if !strings.Contains(in[1], "--") && figures[in[1]] == "" {
				t.Errorf("%s: {%s} is no figure", c, in[1])
			}
		}
		advice := strings.Contains(template, "GODEBUG=") || strings.Contains(template, "--")
		if got := (telling{Values: known, reader: Tester}).sentence(c); (got == "") != advice {
			t.Errorf("%s: go test is told %q", c, got)
		}
		if got := (telling{Values: known, reader: Archivist}).sentence(c); strings.Contains(strings.ReplaceAll(got, "--allow ", ""), "--") { // which analyze has
			t.Errorf("%s: the reader of a recording is told of a flag: %q", c, got)
		}
	}
}

// No figure that is none reaches a reader, and no name of the program steers a
// terminal.
func TestSentencesOfExtremes(t *testing.T) {
	t.Parallel()
	const evil = "example.com/x.f\x1b[2J\nLEAK gone\u202e"
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64} {
		for _, n := range []int{0, -1, 1, math.MaxInt64, math.MinInt64} {
			values := detect.Values{
				N: n, Of: n, Tau: v, P: v, SlopeP: v, Level: v, Share: v, Times: v, Grew: v, Floor: v, Upper: v, Limit: v,
				Samples: v, Count: v, From: v, To: v, Bytes: v, Rate: v, Seconds: v, Period: int64(n), OldPeriod: int64(n),
				Function: evil, Wait: evil, More: n, Run: evil, Text: evil,
				Parts: []detect.Part{{}, {Name: evil, Function: evil, File: evil, Line: n, Bytes: v, Share: v, Rate: v, Per: detect.PerSecond}},
			}
			for c := range sentences {
				for _, r := range []Reader{Script, Operator, Archivist, Tester} {
					s := telling{Values: values, reader: r}.sentence(c)
					if strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || strings.Contains(s, "%!") || strings.ContainsAny(s, "{}") {
						t.Fatalf("%s of %v: %q", c, v, s)
					}
					if r != Script && strings.ContainsAny(s, "\x1b\n\u202e") {
						t.Fatalf("%s steers a terminal: %q", c, s)
					}
				}
			}
		}
	}
}

func TestWhatReasonsSay(t *testing.T) {
	t.Parallel()
	const function = "example.com/a/b.(*T).M.func1"
	for _, c := range []struct {
		name   string
		code   detect.Code
		values detect.Values
		reader Reader
		kind   detect.Kind
		want   string
	}{
		{"a rise", detect.Rises, detect.Values{N: 14, Tau: 1, P: 1.23e-9}, Operator, "", "rises in 14 snapshots (tau 1.00, p 1.2e-09)"},
		{"one that bends", detect.RisesUnevenly, detect.Values{N: 14, Tau: 0.9, P: 0.001, SlopeP: 0.04}, Operator, "", "rises in 14 snapshots (tau 0.90, p 0.001), but not along a line (p 0.04)"},
		{"slackening memory", detect.SlackensLate, detect.Values{Share: 0.41}, Operator, detect.KindHeap, "the last third grew at 41 % of the rate of the whole: a cache that fills looks like this"},
		{"slackening goroutines", detect.SlackensLate, detect.Values{Share: 0.41}, Operator, detect.KindGoroutine, "the last third grew at 41 % of the rate of the whole"},
		{"a flat end", detect.FlatAtEnd, detect.Values{N: 2}, Operator, detect.KindHeap, "it is flat over the last 2 snapshots: a cache that fills looks like this"},
		{"a curve", detect.Curves, detect.Values{Per: detect.PerOp, Exponent: &stats.Interval{Estimate: 0.912, Lo: math.Inf(-1), Hi: 0.97}}, Operator, "", "it bends, growing like operations^0.91 [0.00, 0.97] (98 %): a cache that fills looks like this"},
		{"growth that begins in the run", detect.GrowsSince, detect.Values{Seconds: 80.6}, Operator, "", "grows since 01:21, not before"},
		{"growth that begins after hours", detect.GrowsSince, detect.Values{Seconds: 7384}, Operator, "", "grows since 2:03:04, not before"},
		{"a rate that fell below 0", detect.SlackensHalfway, detect.Values{Share: -0.2}, Operator, detect.KindGoroutine, "the second half grew at 0 % of the first half's rate"},
		{"more than all went away", detect.GoneAfterDrain, detect.Values{Share: 1.2}, Operator, "", "100 % of the growth went away in the drain"},
		{"one snapshot", detect.TooFewSnapshots, detect.Values{N: 1, Of: 6}, Operator, "", "1 snapshot to judge; at least 6 are needed"},
		{"a bound", detect.Bounded, detect.Values{Upper: -3, Limit: 64, Per: detect.PerOp}, Operator, "", "at most 0 per operation (95 %), limit 64"},
		{"no bound", detect.NotBounded, detect.Values{Upper: 104.2, Limit: 0.01, Per: detect.PerSecond}, Operator, "", "neither growth nor its absence is shown: at most 104 per second (95 %), limit 0.01"},
		{"how much longer", detect.NotBounded, detect.Values{Upper: 104.2, Limit: 64, Per: detect.PerOp, Times: 2.34}, Operator, "", "neither growth nor its absence is shown: at most 104 per operation (95 %), limit 64; a run about 2.3 times as long would tell"},
		{"a site that passes", detect.PassesAllTests, detect.Values{Level: 0.01, N: 13, Samples: 1985, Tau: 1, P: 1e-9}, Script, "", "passes all gates at α = 0.01/13 sites: +1985 sampled objects (tau 1.00, p 1e-09)"},
		{"a container", detect.ContainerGrows, detect.Values{N: 5, Times: 1.25, From: 4096, To: 12288}, Operator, "", "one object is enlarged again and again: 5 times by about 1.25, from 4096 to 12288 bytes, as fast at the end as at the start: appending for ever looks like this"},
		{"sizes", detect.SizesThatGrow, detect.Values{Parts: []detect.Part{{Bytes: 48, Rate: 1.5, Per: detect.PerOp}, {Bytes: 2048, Rate: 0.25, Per: detect.PerOp}}}, Operator, "", "what grows are objects of up to 48 bytes (1.5 per operation), 2048 bytes (0.25 per operation)"},
		{"places", detect.GrowTogether, detect.Values{N: 7, More: 5, Parts: []detect.Part{{Function: function, File: `C:\a\b\m.go`, Line: 7, Rate: 100.4, Per: detect.PerOp}, {Function: "a.F"}}}, Script, "", "7 sites below it grow together: b.(*T).M.func1 (m.go:7) 100 B/op; a.F; and 5 more"},
		{"lines", detect.ChurnByLine, detect.Values{Parts: []detect.Part{{File: "/a/split.go", Line: 40, Share: 0.7}, {File: "/a/split.go", Line: 44, Share: 0.3}}}, Operator, "", "by line: split.go:40 70 %, split.go:44 30 %"},
		{"outside, explained", detect.GrowsOutside, detect.Values{Grew: 40 << 20, Bytes: 32 << 20, Share: 1.1, Parts: []detect.Part{{Name: "stacks", Bytes: 8 << 20}}}, Operator, "", "resident memory that no file backs grew by 40.0 MiB; of it stacks 8.0 MiB (100 % in all); by 32.0 MiB more than the runtime took from the system"},
		{"outside, not explained", detect.ResidentClimbs, detect.Values{Grew: 40 << 20, Bytes: -1}, Operator, "", "the resident set grew by 40.0 MiB, the live heap by 0.0 MiB; none of the runtime's own memory grew: memory of C code or mapped memory, or only pages of mapped files; /proc/PID/smaps_rollup tells them apart"},
		{"a function for a script", detect.MemoryGrowsWith, detect.Values{Function: function}, Script, "", "memory grows with them at " + function},
		{"a function for people", detect.MemoryGrowsWith, detect.Values{Function: function}, Archivist, "", "memory grows with them at b.(*T).M.func1"},
		{"goroutines that run", detect.SoDo, detect.Values{Function: function}, Operator, "", "so does the number of those [running] in b.(*T).M.func1"},
		{"minutes", detect.HaveWaited, detect.Values{Seconds: 250}, Operator, "", "one of them has waited for 4 min"},
		{"many", detect.RuntimeProved, detect.Values{Count: 2700}, Operator, "", "the runtime proved 2,700 of them unreachable (goroutineleak)"},
		{"a flag", detect.SampleMore, detect.Values{}, Operator, "", "run longer, or lower the sampling rate further (GODEBUG=memprofilerate=4096 for the target; --memprofilerate 4096 for a command that heapdrift starts)"},
		{"no flag for a recording", detect.SampleMore, detect.Values{}, Archivist, "", "run longer, or lower the sampling rate further (GODEBUG=memprofilerate=4096 for the target)"},
		{"nothing for go test", detect.SampleMore, detect.Values{}, Tester, "", ""},
		{"nothing that is not known", "no-such-code", detect.Values{Text: "x"}, Operator, "", ""},
	} {
		f := detect.Finding{Kind: c.kind, Reasons: []detect.Reason{{Code: c.code, Values: c.values}}}
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		if got := FindingWhy(&f, c.reader); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, want)
		}
	}
}

func TestWhoRetains(t *testing.T) {
	t.Parallel()
	all := []detect.Holder{
		{Goroutines: 2700, WaitReason: "sleep", Function: "example.com/closure.(*Stage).Embed.func1", Root: "example.com/closure.Run", CreatedBy: "example.com/closure.Serve"},
		{Goroutines: 1, Function: "main.work", Root: "main.work"},
	}
	for r, want := range map[Reader][]string{
		Script:   {"2,700 goroutines [sleep] in example.com/closure.(*Stage).Embed.func1, begun as example.com/closure.Run by example.com/closure.Serve", "1 goroutine [running] in main.work"},
		Operator: {"2,700 goroutines [sleep] in closure.(*Stage).Embed.func1, begun as closure.Run by closure.Serve", "1 goroutine [running] in main.work"},
	} {
		if got := Held(all, r); !slices.Equal(got, want) {
			t.Errorf("for reader %d:\n got %q\nwant %q", r, got, want)
		}
	}
}
