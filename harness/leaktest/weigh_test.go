package leaktest

import (
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

func interval(estimate, by float64) *detect.Rate {
	return &detect.Rate{
		Interval: stats.Interval{Estimate: estimate, Lo: estimate - by, Hi: estimate + by, Confidence: 0.95, N: 20}, Per: detect.PerOp,
	}
}

func TestABudgetIsKeptBrokenOrOpen(t *testing.T) {
	for _, c := range []struct {
		name    string
		verdict detect.Verdict
		perOp   *detect.Rate
		want    answer
	}{
		{"a leak above the limit", detect.Leak, interval(16, 1), broken},
		{"a leak around the limit", detect.Leak, interval(1, 0.5), open},
		{"a leak within the limit", detect.Leak, interval(0.5, 0.1), kept},
		{"growth above the limit that is no leak for sure", detect.Growing, interval(16, 1), open},
		{"bounded", detect.Stable, interval(0.2, 0.1), kept},
		{"grew and stopped", detect.Plateau, interval(5, 1), kept},
		{"gone after the drain", detect.Backlog, interval(16, 1), open},
		{"neither growth nor its absence", detect.Unknown, interval(0, 3), open},
		{"not known", detect.Unknown, nil, open},
	} {
		b := budget{limit: 1, clean: 1, total: &detect.Total{Verdict: c.verdict, Growth: c.perOp}}
		if got := b.heldAgainstTotal(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := (&budget{}).heldAgainstTotal(); got != open {
		t.Errorf("without a total: %v, want open", got)
	}
}

func TestWhatIsAllowedIsTakenOff(t *testing.T) {
	of := func(f *detect.Finding) *detect.Rate { return f.Bytes }
	stack := []snapshot.Frame{{Function: "app.keep"}}
	site := func(v detect.Verdict, iv *detect.Rate) detect.Finding {
		return detect.Finding{Kind: detect.KindHeap, Verdict: v, Stack: stack, Bytes: iv}
	}
	for _, c := range []struct {
		name    string
		total   *detect.Rate
		allowed []detect.Finding
		others  []detect.Finding
		want    answer
	}{
		{"nothing is allowed", interval(16, 1), nil, nil, broken},
		{"the allowed site may be all", interval(16, 1), []detect.Finding{site(detect.Leak, interval(15, 1))}, nil, kept},
		{"it may be all but what is within the limit", interval(17, 1), []detect.Finding{site(detect.Leak, interval(14, 1))}, nil, kept},
		{"it cannot be all", interval(16, 1), []detect.Finding{site(detect.Leak, interval(8, 1))}, nil, broken},
		{"two together may be all", interval(16, 1), []detect.Finding{site(detect.Leak, interval(8, 1)), site(detect.Suspect, interval(7, 1))}, nil, kept},
		{"one whose size is not known", interval(16, 1), []detect.Finding{site(detect.Suspect, nil)}, nil, kept},
		{"it may be all, but another leaks", interval(16, 1), []detect.Finding{site(detect.Leak, interval(15, 2))}, []detect.Finding{site(detect.Suspect, interval(1, 1))}, broken},
		{"another is suspect, but it is the runtime's", interval(16, 1), []detect.Finding{site(detect.Leak, interval(15, 2))}, []detect.Finding{{Kind: detect.KindHeap, Verdict: detect.Suspect, Stack: []snapshot.Frame{{Function: "runtime.mallocgc"}}, Bytes: interval(1, 1)}}, kept},
		{"another is suspect, at frames of the library alone", interval(16, 1), []detect.Finding{site(detect.Leak, interval(15, 2))}, []detect.Finding{{Kind: detect.KindHeap, Verdict: detect.Suspect, Stack: []snapshot.Frame{{Function: "net/http.(*persistConn).readLoop"}}, Bytes: interval(1, 1)}}, broken},
		{"another is stable", interval(16, 1), []detect.Finding{site(detect.Leak, interval(15, 2))}, []detect.Finding{site(detect.Stable, nil)}, kept},
		{"what is allowed are goroutines", interval(16, 1), []detect.Finding{{Kind: detect.KindGoroutine, Verdict: detect.Leak, Stack: stack}}, nil, broken},
	} {
		o := &outcome{findings: c.others}
		for _, f := range c.allowed {
			o.allowed = append(o.allowed, permitted{Finding: f})
		}
		b := budget{limit: 1, clean: 1, answer: broken, total: &detect.Total{Verdict: detect.Leak, Growth: c.total}}
		if got := o.less(b, detect.KindHeap, of); got.answer != c.want || got.rest != (c.want == kept) {
			t.Errorf("%s: %+v, want %v", c.name, got, c.want)
		}
	}
}

func TestFewOperationsPassWithALaxerBoundByDefault(t *testing.T) {
	for _, c := range []struct {
		name           string
		opts           []Option
		ops            float64
		bytes, objects float64
	}{
		{"many operations", nil, 100_000, 1, 1.0 / 16},
		{"32,768", nil, 32_768, 2, 2.0 / 16},
		{"100: no more than 8", nil, 100, 8, 0.5},
		{"none", nil, 0, 8, 0.5},
		{"a limit that was set", []Option{MaxPerOp(0.5)}, 100, 0.5, 0.5 / 16},
		{"0 as a limit", []Option{MaxPerOp(0)}, 100, 0.1, 0.01},
		{"a limit of objects that was set", []Option{MaxObjects(0.02)}, 100, 8, 0.02},
	} {
		d := configure(t, time.Now(), c.opts).detectConfig("", c.ops)
		if d.Clean.Bytes != c.bytes || d.Clean.Objects != c.objects || d.Clean.Goroutines != 0.01 {
			t.Errorf("%s: passes up to %+v, want %v B/op and %v objects/op", c.name, d.Clean, c.bytes, c.objects)
		}
	}
}
