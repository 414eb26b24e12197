package labrun

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/harness"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

// The test binary is the program that runs itself again: with the verb it
// serves the lab, as heapdrift does.
func TestMain(m *testing.M) {
	for i, arg := range os.Args {
		if arg != Verb {
			continue
		}
		name, variant, data := os.Args[i+1], os.Args[i+3], os.Args[i+5]
		err := lab.Serve(context.Background(), lab.ServeConfig{
			Scenario: name, Variant: variant, DataDir: data, Ready: os.Stdout, Stdin: os.Stdin,
		})
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// brief is a plan of a few seconds.
func brief() harness.Plan {
	p := DefaultPlan()
	p.IdleMarks, p.IdleEvery, p.RestMarks = 4, 50*time.Millisecond, 0
	p.Warmup, p.Steady, p.Drain, p.Every = 500*time.Millisecond, 2500*time.Millisecond, 300*time.Millisecond, 200*time.Millisecond
	return p
}

func TestALeakyVariantIsMeasuredInAChildOfItsOwn(t *testing.T) {
	t.Parallel()
	var phases []string
	out, err := Run(t.Context(), Options{
		Scenario: "closure", Plan: brief(),
		Progress: func(v lab.Variant, e session.Event) {
			if v == lab.Leaky && (len(phases) == 0 || phases[len(phases)-1] != e.Phase) {
				phases = append(phases, e.Phase)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.Result.Verdict != detect.RunLeak || out.Bundle != "" {
		t.Errorf("verdict %s, bundle %q; want a leak and no bundle", out.Result.Verdict, out.Bundle)
	}
	target := out.Run.Target
	if target.PID == 0 || target.PID == os.Getpid() || target.MemProfileRate != memProfileRate || target.Name != "closure/leaky" {
		t.Errorf("target %+v; want a child sampled every %d bytes", target, memProfileRate)
	}
	if got := strings.Join(phases, " "); !strings.Contains(got, "steady drain judge") {
		t.Errorf("progress went through %q", got)
	}
}

func TestChildrenThatCannotServe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opt  Options
		want string
	}{
		{"no such scenario", Options{Scenario: "nothing"}, "nothing"},
		{"no such variant", Options{Scenario: "closure", Variant: "mended"}, "it is leaky or fixed"},
		{"a program that is not there", Options{Scenario: "closure", Executable: []string{"/nonexistent/heapdrift"}}, "/nonexistent/heapdrift"},
	} {
		_, err := Run(t.Context(), c.opt)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want an error that says %q", c.name, err, c.want)
		}
	}
}

func TestTheFirstLineIsTakenHoweverItIsCutUp(t *testing.T) {
	t.Parallel()
	for name, writes := range map[string][]string{
		"in one piece":            {"{\"a\":1}\n"},
		"in pieces":               {"{\"a", "\":1}", "\nmore\n"},
		"with more behind it":     {"{\"a\":1}\nmore\nand more\n"},
		"and what follows is let": {"{\"a\":1}\n", "more\n"},
	} {
		f := &firstLine{to: make(chan []byte, 1)}
		for _, w := range writes {
			if n, err := io.WriteString(f, w); n != len(w) || err != nil {
				t.Fatalf("%s: write = %d, %v", name, n, err)
			}
		}
		if got := string(<-f.to); got != `{"a":1}` {
			t.Errorf("%s: %q", name, got)
		}
	}
	endless := &firstLine{to: make(chan []byte, 1)}
	for range 3 {
		_, _ = endless.Write(make([]byte, maxReadyLine))
	}
	if got := len(<-endless.to); got != maxReadyLine {
		t.Errorf("a line without an end gives %d bytes; want %d", got, maxReadyLine)
	}
}
