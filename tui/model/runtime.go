package model

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// gauge is a line of the runtime panel.
type gauge struct {
	name   string
	value  string
	series []float64
	total  string // whose verdict says the trend; "" for none
}

// gauges that are known, the most telling first.
func gauges(f *frame) []gauge {
	var out []gauge
	end := f.end
	l := &f.t.line
	add := func(name, total string, print func(float64) string, of func(*moment) float64) {
		v := l.column(end, of)
		last := math.NaN()
		for i := len(v) - 1; i >= 0 && math.IsNaN(last); i-- {
			last = v[i]
		}
		if !math.IsNaN(last) {
			out = append(out, gauge{name, print(last), v, total})
		}
	}
	if rss := f.probedRSS(); len(rss) > 1 {
		out = append(out, gauge{"RSS", report.Bytes(rss[len(rss)-1]), rss, "rss_bytes"})
	} else {
		add("RSS", "rss_bytes", report.Bytes, func(m *moment) float64 { return m.rss })
	}
	add("heap goal", "", report.Bytes, func(m *moment) float64 { return m.goal })
	add("stacks", "stack_bytes", report.Bytes, func(m *moment) float64 { return m.stacks })
	add("gorout.", "goroutines", report.Count, func(m *moment) float64 { return m.routine })
	add("GC CPU", "", func(v float64) string { return report.Number(100*v) + "%" }, func(m *moment) float64 { return m.gcCPU })
	add("p99", "", func(v float64) string { return report.Number(v) + " ms" }, func(m *moment) float64 { return m.p99 })
	add("live heap", "live_bytes", report.Bytes, func(m *moment) float64 { return m.live })
	add("objects", "live_objects", report.Count, func(m *moment) float64 { return m.objects })
	if f.now && f.t.load != nil && f.t.load.Latency != nil { // newer than the last snapshot's
		for i := range out {
			if out[i].name == "p99" {
				out[i].value = report.Number(f.t.load.Latency.P99) + " ms"
			}
		}
	}
	if f.now && f.t.peak.RSS > 0 {
		out = append(out, gauge{name: "peak RSS", value: report.Bytes(float64(f.t.peak.RSS))})
	}
	return out
}

// probedRSS are the resident sets of the light probes up to the frame's end;
// nil where they are not newer than the last snapshot's.
func (f *frame) probedRSS() []float64 {
	var v []float64
	for _, p := range f.t.probes {
		if p.RSS > 0 && (f.now || !p.Time.After(f.at)) {
			v = append(v, float64(p.RSS))
		}
	}
	if n := len(f.t.probes); f.now && n > 0 && f.t.probes[n-1].Time.Before(f.at) {
		return nil
	}
	return v
}

// trendPoints is how many points a trend is told from.
const trendPoints = 24

// trendOf is ▲ for what rises, ▼ for what falls, = for what does neither, and
// blank for what is too short to tell. The verdict of a total goes first.
func trendOf(f *frame, g *gauge) Span {
	if f.res != nil && g.total != "" {
		if t := f.res.Total(g.total); t != nil {
			switch t.Verdict {
			case detect.Leak, detect.Suspect, detect.Growing, detect.Backlog:
				return Span{"▲", Rising}
			case detect.Plateau, detect.Stable:
				return Span{"=", Dim}
			}
		}
	}
	v := g.series
	if len(v) > 3 {
		v = v[len(v)/3:] // after the warm-up
	}
	var known []float64
	for _, x := range resample(v, min(len(v), trendPoints)) {
		if !math.IsNaN(x) {
			known = append(known, x)
		}
	}
	if len(known) < 5 {
		return Span{" ", Normal}
	}
	first, last := known[0], known[len(known)-1]
	const level, least = 0.005, 0.01
	if math.Abs(last-first) > least*math.Max(math.Abs(first), math.Abs(last)) {
		if stats.MannKendall(known).P < level {
			return Span{"▲", Rising}
		}
		for i := range known {
			known[i] = -known[i]
		}
		if stats.MannKendall(known).P < level {
			return Span{"▼", Dim}
		}
	}
	return Span{"=", Dim}
}

// runtimePanel draws the gauges into r.
func runtimePanel(c *canvas, r rect, f *frame) {
	const name, figure = 9, 9
	for i, g := range gauges(f) {
		y := r.y + i
		if y >= r.bottom() {
			return
		}
		c.put(r.x, y, r.right(), g.name, Dim)
		c.put(r.x+name, y, r.right(), padLeft(g.value, figure), Number)
		line := r.w - name - figure - 4
		if line < 2 || len(g.series) < 2 {
			continue
		}
		lo, hi := bounds(g.series)
		c.put(r.x+name+figure+1, y, r.right(), spark(g.series, line, 0.002*math.Max(math.Abs(lo), math.Abs(hi))), Spark)
		t := trendOf(f, &g)
		c.put(r.x+name+figure+1+line+1, y, r.right(), t.Text, t.Style)
	}
}
