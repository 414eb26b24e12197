package detect

import (
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/stats"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	once := &stats.Interval{Estimate: 0.97}
	many := &stats.Interval{Estimate: 6.5}
	for _, c := range []struct {
		name    string
		stack   []string
		objects *stats.Interval
		bytes   float64 // per operation
		verdict Verdict
		shape   string
		says    string
	}{
		{"a series for each label value", []string{"github.com/prometheus/client_golang/prometheus.(*metricMap).getOrCreateMetricWithLabelValues", "example.com/app.Handle", handler}, many, 400, Leak, "label cardinality (a guess)", "look for a label that holds an id"},
		{"the same by the other library", []string{"go.opentelemetry.io/otel/sdk/metric/internal/aggregate.(*sum).measure", "example.com/app.Handle"}, many, 400, Suspect, "label cardinality (a guess)", ""},
		{"a ticker that is never stopped", []string{"time.newTimer", "time.NewTicker", "example.com/app.Handle"}, many, 400, Leak, "timer or ticker (a guess)", "defer its Stop"},
		{"contexts that are never cancelled", []string{"context.(*cancelCtx).propagateCancel", "context.WithCancel", "example.com/app.Handle"}, many, 400, Leak, "context children (a guess)", "defer the cancel function"},
		{"a large object an operation", []string{"example.com/app.Read", handler}, once, 64 << 10, Leak, "sub-slice of a large buffer (a guess)", "copy that part (docs/subslice.md)"},
		{"a small object an operation", []string{"example.com/app.Read", handler}, once, 640, Leak, "", ""},
		{"large objects, no whole number an operation", []string{"example.com/app.Read", handler}, &stats.Interval{Estimate: 1.5}, 64 << 10, Leak, "", ""},
		{"a library of a like name", []string{"github.com/prometheus/client_golang/prometheusx.New", "example.com/app.Handle"}, many, 400, Leak, "", ""},
		{"a timer far from the allocation", append(strings.Split(strings.Repeat("example.com/app.Deep ", 8), " ")[:8], "time.AfterFunc"), many, 400, Leak, "", ""},
		{"what keeps nothing has no shape", []string{"time.newTimer", "example.com/app.Handle"}, many, 400, Stable, "", ""},
	} {
		f := Finding{Verdict: c.verdict, Stack: at(1, c.stack...).Frames, ObjectsPerOp: c.objects, BytesPerOp: &stats.Interval{Estimate: c.bytes}}
		f.shape()
		if f.Shape != c.shape || !said(f.Why, c.says) || (c.shape == "") != (len(f.Why) == 0) {
			t.Errorf("%s: shape %q, why %q; want %q saying %q", c.name, f.Shape, f.Why, c.shape, c.says)
		}
	}
	held := Finding{Verdict: Leak, Shape: "closure retention", Stack: at(1, "time.newTimer").Frames}
	if held.shape(); held.Shape != "closure retention" || held.Why != nil {
		t.Errorf("%+v: what goroutines keep was told already", held)
	}
}
