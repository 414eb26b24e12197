package exit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/capture"
	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/session"
)

func TestTheWorstCodeWins(t *testing.T) {
	t.Parallel()
	order := []Code{Usage, Leak, Infrastructure, Inconclusive, Clean} // worst first
	for i, worse := range order {
		for _, better := range order[i:] {
			for _, codes := range [][]Code{{worse, better}, {better, worse}, {Clean, better, worse, better}} {
				if got := Worst(codes...); got != worse {
					t.Errorf("Worst(%v) = %d, want %d", codes, got, worse)
				}
			}
		}
	}
	if got := Worst(); got != Clean {
		t.Errorf("Worst() = %d, want %d", got, Clean)
	}
	if got := Worst(Clean, Code(77)); got == Clean {
		t.Error("an unknown code reads as a pass")
	}
}

func TestCodesOfErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		want Code
	}{
		{"no error", nil, Clean},
		{"a usage error", Usagef("r", "p"), Usage},
		{"a usage error, wrapped", fmt.Errorf("x: %w", Usagef("r", "p")), Usage},
		{"a usage error about a file that is not there", Usagef("r", "open: %w", fs.ErrNotExist), Usage},
		{"a plan that cannot be run", fmt.Errorf("x: %w", &session.ConfigError{Problem: "p"}), Usage},
		{"a load of which everything failed", &session.RefusedError{Operations: 9}, Infrastructure},
		{"an absent recording", &capture.InputError{Absent: true}, Usage},
		{"a broken recording", &capture.InputError{}, Infrastructure},
		{"a target that cannot be asked", fmt.Errorf("x: %w", &capture.TargetError{}), Infrastructure},
		{"anything else", errors.New("no space left on device"), Infrastructure},
		{"interrupted before a verdict", fmt.Errorf("x: %w", context.Canceled), Inconclusive},
		{"several, the worst of which is of the target", errors.Join(context.Canceled, &capture.TargetError{}), Infrastructure},
		{"several, one of usage", errors.Join(&capture.TargetError{}, Usagef("r", "p")), Usage},
		{"a time limit", context.DeadlineExceeded, Infrastructure},
	} {
		if got := OfError(c.err); got != c.want {
			t.Errorf("%s: code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestCodesOfVerdicts(t *testing.T) {
	t.Parallel()
	for v, want := range map[detect.RunVerdict]Code{
		detect.RunLeak: Leak, detect.RunClean: Clean, detect.RunInconclusive: Inconclusive, "": Inconclusive,
	} {
		if got := OfVerdict(v); got != want {
			t.Errorf("verdict %q: code %d, want %d", v, got, want)
		}
	}
}

func TestATargetThatDied(t *testing.T) {
	t.Parallel()
	died := errors.New("signal: killed")
	for v, want := range map[detect.RunVerdict]Code{
		detect.RunLeak: Leak, detect.RunClean: Infrastructure, detect.RunInconclusive: Infrastructure,
	} {
		if got := OfRun(v, died); got != want {
			t.Errorf("verdict %s of a target that died: code %d, want %d", v, got, want)
		}
		if got := OfRun(v, nil); got != OfVerdict(v) {
			t.Errorf("verdict %s of a target that lived: code %d, want %d", v, got, OfVerdict(v))
		}
	}
}

func TestComparisons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pass, undecided bool
		want            Code
	}{{true, false, Clean}, {false, true, Inconclusive}, {false, false, Leak}} {
		if got := OfComparison(c.pass, c.undecided); got != c.want {
			t.Errorf("pass %v, undecided %v: code %d, want %d", c.pass, c.undecided, got, c.want)
		}
	}
}

func TestUsageErrorsAreOneSentenceAndKeepTheirCause(t *testing.T) {
	t.Parallel()
	err := Usagef("give one that exists", "read --body x.json: %w", fs.ErrNotExist)
	if got, want := err.Error(), "read --body x.json: file does not exist; give one that exists"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
}
