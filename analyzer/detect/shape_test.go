package detect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	once := func(size float64) *buffers { return &buffers{size: size, perOp: 0.97, sd: 0.05} }
	for _, c := range []struct {
		name    string
		stack   []string
		kept    *buffers
		verdict Verdict
		shape   string
		says    Reason
	}{
		{"a series for each label value", []string{"github.com/prometheus/client_golang/prometheus.(*metricMap).getOrCreateMetricWithLabelValues", "example.com/app.Handle", handler}, nil, Leak, "label cardinality (a guess)", Reason{SeriesPerLabel, Values{Function: "github.com/prometheus/client_golang/prometheus.(*metricMap).getOrCreateMetricWithLabelValues"}}},
		{"the same by the other library", []string{"go.opentelemetry.io/otel/sdk/metric/internal/aggregate.(*sum).measure", "example.com/app.Handle"}, nil, Suspect, "label cardinality (a guess)", Reason{}},
		{"a ticker that is never stopped", []string{"time.newTimer", "time.NewTicker", "example.com/app.Handle"}, nil, Leak, "timer or ticker (a guess)", Reason{TimerNotStopped, Values{Function: "time.newTimer"}}},
		{"contexts that are never cancelled", []string{"context.(*cancelCtx).propagateCancel", "context.WithCancel", "example.com/app.Handle"}, nil, Leak, "context children (a guess)", Reason{ContextNotEnded, Values{Function: "context.(*cancelCtx).propagateCancel"}}},
		{"a large object an operation", []string{"example.com/app.Read", handler}, once(64 << 10), Leak, "sub-slice of a large buffer (a guess)", Reason{LargeBuffers, Values{Bytes: 64 << 10, Rate: 0.97}}},
		{"large objects, no whole number an operation", []string{"example.com/app.Read", handler}, &buffers{size: 64 << 10, perOp: 1.5, sd: 0.05}, Leak, "", Reason{}},
		{"large objects, too many an operation", []string{"example.com/app.Read", handler}, &buffers{size: 64 << 10, perOp: 12, sd: 0.05}, Leak, "", Reason{}},
		{"large objects, one in ten operations", []string{"example.com/app.Read", handler}, &buffers{size: 64 << 10, perOp: 0.1, sd: 0.01}, Leak, "", Reason{}},
		{"too few samples to tell a whole number", []string{"example.com/app.Read", handler}, &buffers{size: 64 << 10, perOp: 1, sd: 0.4}, Leak, "", Reason{}},
		{"a context with a deadline, which has a timer", []string{"time.newTimer", "time.AfterFunc", "context.WithDeadlineCause", "context.WithTimeout", "example.com/app.Handle"}, nil, Leak, "context children (a guess)", Reason{}},
		{"a library of a like name", []string{"github.com/prometheus/client_golang/prometheusx.New", "example.com/app.Handle"}, nil, Leak, "", Reason{}},
		{"a timer far from the allocation", append(strings.Split(strings.Repeat("example.com/app.Deep ", 8), " ")[:8], "time.AfterFunc"), nil, Leak, "", Reason{}},
		{"what keeps nothing has no shape", []string{"time.newTimer", "example.com/app.Handle"}, nil, Stable, "", Reason{}},
	} {
		f := Finding{Verdict: c.verdict, Stack: at(1, c.stack...).Frames, buffers: c.kept}
		f.guessShape()
		if f.Shape != c.shape || !says(f.Reasons, c.says) || (c.shape == "") != (len(f.Reasons) == 0) {
			t.Errorf("%s: shape %q, why %+v; want %q saying %+v", c.name, f.Shape, f.Reasons, c.shape, c.says)
		}
	}
	held := Finding{Verdict: Leak, Shape: "closure retention", Stack: at(1, "time.newTimer").Frames}
	if held.guessShape(); held.Shape != "closure retention" || held.Reasons != nil {
		t.Errorf("%+v: what goroutines keep was told already", held)
	}
}

// Of what a site keeps, the large objects are told from the small ones that come
// with them; what reads, joins or decodes makes buffers that need not be as large.
func TestLargeObjectsAreToldFromSmallOnes(t *testing.T) {
	t.Parallel()
	const n, every = 20, 500
	kept := func(st *snapshot.Stack, size int64, perOp float64) allocator {
		return allocator{st, size, 0, perOp * every / (perSample(float64(size)) / float64(size))}
	}
	read := at(1, "encoding/json.(*decodeState).literalStore", "example.com/app.Read", handler)
	make := at(1, "example.com/app.Read", handler)
	for _, c := range []struct {
		name  string
		all   []allocator
		shape string
	}{
		{"a text and its id, decoded", []allocator{kept(read, 5<<10, 1), kept(read, 24, 1)}, "sub-slice of a large buffer (a guess)"},
		{"texts of several sizes", []allocator{kept(read, 5<<10, 0.4), kept(read, 2<<10, 0.6), kept(read, 24, 1)}, "sub-slice of a large buffer (a guess)"},
		{"a value of 2 KiB that the user makes", []allocator{kept(make, 2<<10, 1), kept(make, 24, 1)}, ""},
		{"one of 16 KiB", []allocator{kept(make, 16<<10, 1), kept(make, 24, 1)}, "sub-slice of a large buffer (a guess)"},
		{"many small values, and a text now and then", []allocator{kept(read, 5<<10, 0.1), kept(read, 64, 8)}, ""},
		{"a text among many small values", []allocator{kept(read, 1200, 1), kept(read, 64, 60)}, ""},
		{"three buffers in two operations", []allocator{kept(make, 32<<10, 1.5)}, ""},
		{"documents, of which three in four are large", []allocator{kept(read, 5<<10, 0.75), kept(read, 600, 0.25)}, "sub-slice of a large buffer (a guess)"},
		{"small texts", []allocator{kept(read, 512, 1)}, ""},
	} {
		r := seeded("large "+c.name, n)
		total := 0.0
		for _, x := range c.all {
			total += x.kept * perSample(float64(x.size)) * (n - 1)
		}
		s := simulation{steady: n, idle: 6, ops: every * (n - 1), heap: sampledHeaps(r, n+6, sampling, c.all...)}
		s.bytes, s.objects = curve(n, 300, linear(total)), curve(n, 3, linear(total/500))
		f := find(judge(s.run(), DefaultConfig()).res, "example.com/app.Read")
		if f == nil || f.Shape != c.shape {
			t.Errorf("%s: %+v, want the shape %q", c.name, f, c.shape)
		}
	}
}

// Every page that a finding may name is there, and so is the place in it.
func TestThePagesOfTheShapesExist(t *testing.T) {
	t.Parallel()
	shapes := []string{shapeClosure, shapeGoroutine, shapeStuck, shapeContainer, shapeSubslice + guessed}
	for _, h := range habits() {
		shapes = append(shapes, h.shape+guessed)
	}
	page := func(f Finding) string { f.document(); return f.Docs }
	churnPage := page(Finding{Verdict: Churn})
	pages := []string{churnPage}
	for _, s := range shapes {
		if page(Finding{Shape: s}) == "" {
			t.Errorf("%s: no page explains it", s)
			continue
		}
		pages = append(pages, page(Finding{Shape: s}))
	}
	for _, p := range pages {
		file, anchor, linked := strings.Cut(p, "#")
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if heading := "\n## " + strings.ReplaceAll(anchor, "-", " ") + "\n"; linked && !strings.Contains(strings.ToLower(strings.ReplaceAll(string(text), "-", " ")), heading) {
			t.Errorf("%s has no heading %q", file, heading)
		}
	}
	if page(Finding{Shape: "a shape that nobody knows"}) != "" || page(Finding{}) != "" {
		t.Error("a page for nothing")
	}
	if a := page(Finding{Shape: shapeSubslice + guessed}); a != "docs/subslice.md" || churnPage != "docs/churn.md" {
		t.Errorf("%q, %q", a, churnPage)
	}
}
