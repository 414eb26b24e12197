package lab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	fixedlabels "github.com/heapdrift/heapdrift/fixed/labels"
	leakylabels "github.com/heapdrift/heapdrift/leakscenarios/labels"
	"github.com/heapdrift/heapdrift/pipeline/pipelinetest"
)

type measuredReader interface {
	pipelinetest.Reader
	Collector() prometheus.Collector
}

func TestSeriesOfTheReadersMetrics(t *testing.T) {
	t.Parallel()
	const other = "other"
	for _, c := range []struct {
		name               string
		documents, sources int
		leaky, fixed       int // series
	}{
		{"no document", 0, 1, 0, 0},
		{"many of few sources", 100, 7, 100, 7},
		{"as many sources as are told apart", 100, fixedlabels.Sources, 100, fixedlabels.Sources},
		{"many sources", 100, 100, 100, fixedlabels.Sources + 1},
	} {
		for name, x := range map[Variant]struct {
			reader measuredReader
			series int
		}{
			Leaky: {leakylabels.New(), c.leaky},
			Fixed: {fixedlabels.New(), c.fixed},
		} {
			for i := range c.documents {
				body := fmt.Sprintf(`{"id":"d%d","source":"s%d"}`, i, i%c.sources)
				if _, err := x.reader.Read(t.Context(), strings.NewReader(body), -1); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := x.reader.Read(t.Context(), strings.NewReader("no JSON"), -1); err == nil {
				t.Errorf("%s: no JSON: no error", name)
			}
			series, observed := seriesOf(t, x.reader.Collector())
			if len(series) != x.series || observed != c.documents {
				t.Errorf("%s, %s: %d series of %d documents, want %d of %d", c.name, name, len(series), observed, x.series, c.documents)
			}
			if rest := c.sources - fixedlabels.Sources; name == Fixed && rest > 0 && series[other] != rest {
				t.Errorf("%s: %d documents share a series, want %d", c.name, series[other], rest)
			}
		}
	}
}

// seriesOf returns how many observations there are under each label, and in all.
func seriesOf(t *testing.T, c prometheus.Collector) (series map[string]int, all int) {
	t.Helper()
	registry := prometheus.NewRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series = make(map[string]int)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			n := int(m.GetHistogram().GetSampleCount())
			series[m.GetLabel()[0].GetValue()] += n
			all += n
		}
	}
	return series, all
}
