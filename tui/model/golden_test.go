package model

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/series"
)

var update = flag.Bool("update", false, "write the goldens anew")

// letters stands for the roles in a golden's grid of styles.
const letters = ".dTbhSkn" + "LsgKcpo-" + "CI" + "lfeX" + "HFBvaw^" + "rR" + "123" + "iE"

// grid is the picture as text, then the style of every cell as a letter.
func grid(s Screen) string {
	var b strings.Builder
	b.WriteString(s.Text())
	b.WriteString("\nstyles, a letter a cell; of the selected row in [brackets]:\n")
	for _, r := range s.Rows {
		selected := false
		for _, sp := range r {
			if sp.Style.IsSelected() != selected {
				selected = !selected
				b.WriteByte("[]"[map[bool]int{true: 0, false: 1}[selected]])
			}
			b.WriteString(strings.Repeat(letters[sp.Style.Role():sp.Style.Role()+1], uniseg.StringWidth(sp.Text)))
		}
		if selected {
			b.WriteByte(']')
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n" + legendOfStyles)
	return b.String()
}

const legendOfStyles = `. normal    d dim       T title     b border    h header    S sorted by  k key     n number
L leak      s suspect   g growing   K backlog   c churn     p plateau    o stable  - open
C clean     I inconclusive          l live      f frozen    e ended      X unreachable
H heap      F fit       B band      v event     a axis      w sparkline  ^ rising
r source    R its line  1 info      2 warning   3 alarm     i input      E bad input
`

func TestEveryRoleHasALetter(t *testing.T) {
	t.Parallel()
	seen := map[byte]bool{}
	for i := range letters {
		if seen[letters[i]] {
			t.Errorf("letter %q stands for two roles", letters[i])
		}
		seen[letters[i]] = true
		if !strings.Contains(legendOfStyles, string(letters[i])+" ") {
			t.Errorf("letter %q is not in the legend", letters[i])
		}
	}
	if len(letters) != len(Roles()) {
		t.Errorf("%d letters for %d roles", len(letters), len(Roles()))
	}
}

func TestPicturesAreAsLookedAt(t *testing.T) {
	t.Parallel()
	const late = 19*time.Minute + 10*time.Second
	do := func(actions ...Action) func(*Model) {
		return func(m *Model) {
			for _, a := range actions {
				m.View(110, 32)
				m.Do(a)
			}
		}
	}
	cases := []struct {
		name  string
		w, h  int
		until time.Duration
		then  func(*Model)
	}{
		{"leak", 110, 32, late, nil},
		{"leak", 80, 24, late, nil},
		{"leak", 40, 10, late, nil},
		{"leak", 200, 60, late, nil},
		{"leak", 20, 5, late, nil},
		{"early", 110, 32, 50 * time.Second, nil},
		{"goroutines", 110, 32, late, do(ActionTab)},
		{"stack", 110, 32, late, do(ActionEnter)},
		{"stack", 80, 24, late, do(ActionDown, ActionEnter, ActionDown)},
		{"log", 80, 24, late, do(ActionLog)},
		{"help", 110, 32, late, do(ActionHelp)},
		{"help", 80, 24, late, do(ActionHelp)},
		{"since", 110, 32, late, do(ActionScrubBack, ActionScrubBack, ActionScrubBack, ActionScrubBack, ActionScrubBack, ActionDiff, ActionScrubForward, ActionScrubForward)},
		{"filter", 80, 24, late, func(m *Model) { m.Do(ActionFilter); m.Type("追加|flat1[0-3]"); m.Do(ActionDown) }},
		{"badfilter", 80, 24, late, func(m *Model) { m.Do(ActionFilter); m.Type("embed(") }},
		{"frozen", 110, 32, late, func(m *Model) { m.Do(ActionFreeze); m.Apply(pipeline().updates(25 * time.Minute)[149]) }},
		{"targets", 110, 32, late, func(m *Model) {
			m.Apply(Update{Source: "node-2:6060", Time: began})
			m.Apply(Update{
				Source: "node-3:6060", Time: began.Add(time.Minute), State: StateUnreachable,
				Events: []Event{{Time: began.Add(time.Minute), Severity: Warning, Text: "ask http://node-3:6060: connection refused; is it still running?"}},
			})
			m.Do(ActionOverview)
		}},
		{"unreachable", 80, 24, late, func(m *Model) {
			at := began.Add(late + 3*time.Second)
			m.Apply(Update{
				Source: "processor:6060", Time: at, State: StateUnreachable,
				Events: []Event{{Time: at, Severity: Warning, Text: "ask http://processor:6060: connection refused; is it still running?"}},
			})
		}},
		{"clean", 110, 32, late, func(m *Model) {
			s := pipeline()
			r := s.result(10)
			r.Snapshots, r.Window = 116, s.window(90*time.Second, late)
			r.Verdict, r.Findings = detect.RunClean, r.Findings[3:]
			r.Totals[0].Growth, r.Totals[0].Verdict = perOp(0.2, 0.7), detect.Stable
			r.Totals[1].Verdict, r.Totals[2].Verdict = detect.Stable, detect.Plateau
			bytes, routines := 0.9, 0.0002
			r.Power = &detect.Power{Bytes: &bytes, Goroutines: &routines, Per: detect.PerOp, Confidence: 0.9}
			m.Apply(Update{Source: "processor:6060", Time: began.Add(late), State: StateEnded, Result: r})
		}},
		{"restart", 80, 24, -1, func(m *Model) {
			s := pipeline()
			s.phases, s.restart = nil, 5*time.Minute
			m.Apply(Update{
				Source: "processor:6060", State: StateLive, Run: s.run(9 * time.Minute),
				Result: &detect.Result{Verdict: detect.RunInconclusive, Per: detect.PerOp, Snapshots: 55, Window: s.window(380*time.Second, 9*time.Minute), Totals: []detect.Total{{Name: series.LiveBytes, Growth: perOp(78.2, 1.3), OpsPerSecond: s.rate, Verdict: detect.Growing}}},
			})
		}},
		{"nothing", 80, 24, -1, nil},
	}
	for _, c := range cases {
		name := fmt.Sprintf("%s-%dx%d", c.name, c.w, c.h)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := feed(t, c.until)
			if c.then != nil {
				c.then(m)
			}
			m.View(c.w, c.h)
			got := grid(m.View(c.w, c.h))
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; write it with go test ./tui/model -run Pictures -update", err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("picture changed (-want +got); look at it, then -update:\n%s", diff)
			}
		})
	}
}
