package leaktest

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
)

// tell ends a Run: a line in the log if all budgets are kept, else a failure.
func (r *running) tell(t testing.TB, o *outcome) {
	t.Helper()
	for _, a := range o.unused {
		t.Logf("leaktest: the allowance of %q (%s) matched nothing: take it out", a.pattern, a.reason)
	}
	if o.answer == kept {
		t.Logf("leaktest: %s", r.clean(o))
		for _, a := range o.allowed {
			t.Logf("leaktest: allowed until %s (%s): %s%s", a.by.expiry.Format("2006-01-02"), a.by.reason, sizeOf(&a.Finding), report.ShortFunction(a.Function))
		}
		return
	}
	var b strings.Builder
	b.WriteString(r.text(o))
	fmt.Fprintf(&b, "%srerun   %s\n", indent, rerun(t, ""))
	dir := t.ArtifactDir()
	last, err := r.write(dir)
	switch {
	case err != nil:
		fmt.Fprintf(&b, "%sprofile none: %v\n", indent, err)
	case !keepsArtifacts():
		fmt.Fprintf(&b, "%sprofile %s goes with the test; to keep it: %s\n", indent, filepath.Join(dir, last), rerun(t, "-artifacts "))
	default:
		fmt.Fprintf(&b, "%sprofile %s   (go tool pprof; the whole run: heapdrift analyze %s)\n", indent, filepath.Join(dir, last), dir)
	}
	t.Errorf("leaktest: %s", b.String())
}

// keepsArtifacts reports that go test was asked to keep what tests write.
func keepsArtifacts() bool {
	f := flag.Lookup("test.artifacts")
	return f != nil && f.Value.String() == "true"
}

// doubts are the sentences that say what is not decided and what would, and
// what else to know.
func (r *running) doubts(o *outcome) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, b := range o.budgets {
		if b.answer != open || o.answer != open {
			continue
		}
		if b.total == nil {
			say("%s are not known", spaced(b.name))
			continue
		}
		for _, why := range report.Why(b.total.Reasons, report.Tester) {
			say("%s: %s", spaced(b.name), why)
		}
		say("next   %s", r.next(&b))
	}
	if len(o.allowed) > 0 && o.answer == broken && len(o.findings) == 0 {
		say("it is more than the sites that are allowed keep, and too little beside them to be named: allow it by leaktest.MaxPerOp or MaxObjects, or measure without what is allowed")
	}
	if o.answer == broken && o.proof() == detect.ProofGrowth {
		say("not proved: a cache that takes more than %s operations to fill looks the same: measure longer (leaktest.For, %v here), or allow what is bounded by design (leaktest.Allow)", report.Count(float64(o.res.Ops)), r.c.duration)
	}
	if found := report.Seen(o.res); found != "" && o.answer == open {
		say("this run would have seen any leak of %s", found)
	}
	if s := r.unseen(o); s != "" {
		say("%s", s)
	}
	for _, n := range r.notes {
		say("%s", n)
	}
	return append(out, report.Warnings(o.res.Warnings, report.Tester)...)
}

// next is what to do about an undecided budget.
func (r *running) next(b *budget) string {
	limit := remedyOf(b.name)
	switch b.total.Verdict {
	case detect.Growing:
		return fmt.Sprintf("if something fills, fill it before it is judged (leaktest.Warmup, %s operations here); else measure longer (leaktest.For, %v here)", report.Count(float64(r.warm)), r.c.duration)
	case detect.Suspect:
		return fmt.Sprintf("end what an operation starts before it returns, or say how many may stay (leaktest.%s)", limit)
	case detect.Backlog:
		return "what an operation starts goes on after it has returned: wait for it in the operation"
	}
	if b.name == series.Goroutines {
		return fmt.Sprintf("more operations: leaktest.For (%v here), leaktest.Ops; or a limit that fewer can show: leaktest.%s", r.c.duration, limit)
	}
	return fmt.Sprintf("measure longer (leaktest.For, %v here), or set a limit that this many operations can show (leaktest.%s)", r.c.duration, limit)
}

// unseen says why a site may be missing, "" where none is.
func (r *running) unseen(o *outcome) string {
	switch rate := runtime.MemProfileRate; {
	case rate <= 0:
		return "no site is known: memory profiling is off (memprofilerate 0)"
	case rate > SampleRate:
		return fmt.Sprintf("sites may be missing: one object in %s is sampled; add  func TestMain(m *testing.M) { leaktest.Main(m) }", report.Bytes(float64(rate)))
	}
	for _, f := range o.findings {
		if f.Function == detect.Unattributed && f.Verdict == detect.Leak {
			return "a longer run names the site (leaktest.For, leaktest.Ops)"
		}
	}
	return ""
}

// rerun is the command that runs the test alone, from the module's root.
func rerun(t testing.TB, flags string) string {
	var parts []string
	for _, p := range strings.Split(t.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(p)+"$")
	}
	pattern := strings.ReplaceAll(strings.Join(parts, "/"), "'", `'\''`)
	return fmt.Sprintf("go test -run '%s' -count=1 %s%s", pattern, flags, packagePath())
}

// packagePath is the working folder, which is the package's in go test,
// relative to the folder of the nearest go.mod above it; "." where there is
// none.
func packagePath() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	rel := "."
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "."
		}
		rel = path.Join(filepath.Base(dir), rel)
		dir = parent
	}
	if rel == "." {
		return rel
	}
	return "./" + rel
}
