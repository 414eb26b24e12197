package model

import (
	"math"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// gauge is a line of the runtime panel.
type gauge struct {
	name   string
	value  string
	series []float64
	judged []float64 // those of series that the verdict was reached from
	total  string    // whose verdict says the trend; "" for none
}

// gauges that are known, the most telling first.
func gauges(f *frame) []gauge {
	var out []gauge
	end := f.end
	l := &f.t.line
	judged := f.judged(func(*moment) bool { return true })
	add := func(name, total string, print func(float64) string, of func(*moment) float64) {
		v := l.column(end, of)
		last := math.NaN()
		for i := len(v) - 1; i >= 0 && math.IsNaN(last); i-- {
			last = v[i]
		}
		if !math.IsNaN(last) {
			g := gauge{name: name, value: print(last), series: v, total: total}
			for _, i := range judged {
				g.judged = append(g.judged, v[i])
			}
			out = append(out, g)
		}
	}
	if g := f.probedRSS(); len(g.series) > 1 {
		out = append(out, g)
	} else {
		add("RSS", series.RSSBytes, report.Bytes, func(m *moment) float64 { return m.rss })
	}
	add("heap goal", "", report.Bytes, func(m *moment) float64 { return m.goal })
	add("stacks", series.StackBytes, report.Bytes, func(m *moment) float64 { return m.stacks })
	add("gorout.", series.Goroutines, report.Count, func(m *moment) float64 { return m.routine })
	add("GC CPU", "", func(v float64) string { return report.Number(100*v) + "%" }, func(m *moment) float64 { return m.gcCPU })
	add("p99", "", func(v float64) string { return report.Number(v) + " ms" }, func(m *moment) float64 { return m.p99 })
	add("live heap", series.LiveBytes, report.Bytes, func(m *moment) float64 { return m.live })
	add("objects", series.LiveObjects, report.Count, func(m *moment) float64 { return m.objects })
	if f.now && f.t.load != nil && f.t.load.Latency != nil { // newer than the last snapshot's
		for i := range out {
			if out[i].name == "p99" {
				out[i].value = report.Number(f.t.load.Latency.P99) + " ms"
			}
		}
	}
	if f.now && f.t.peakRSS > 0 {
		out = append(out, gauge{name: "peak RSS", value: report.Bytes(float64(f.t.peakRSS))})
	}
	return out
}

// probedRSS is the gauge of the resident sets of the light probes up to the
// frame's end; without a series where they are not newer than the last
// snapshot's.
func (f *frame) probedRSS() gauge {
	g := gauge{name: "RSS", total: series.RSSBytes}
	if n := len(f.t.probes); f.now && n > 0 && f.t.probes[n-1].Time.Before(f.at) {
		return g
	}
	for _, p := range f.t.probes {
		if p.RSS == 0 || !f.now && p.Time.After(f.at) {
			continue
		}
		g.series = append(g.series, float64(p.RSS))
		if f.res != nil && f.res.Window.Holds(p.Time) {
			g.judged = append(g.judged, float64(p.RSS))
		}
	}
	if n := len(g.series); n > 0 {
		g.value = report.Bytes(g.series[n-1])
	}
	return g
}

// trendPoints is how many points a trend is told from.
const trendPoints = 24

// trendOf is ▲ for what rose over the judged moments, ▼ for what fell, = for what
// did neither, and blank for what is too short to tell or not judged yet. The
// verdict of a total goes first.
func trendOf(f *frame, g *gauge) Span {
	if f.res != nil && g.total != "" {
		if t := f.res.Total(g.total); t != nil {
			switch v := t.Verdict; {
			case v.AsksAttention():
				return Span{"▲", Rising}
			case v == detect.Plateau, v == detect.Stable:
				return Span{"=", Dim}
			}
		}
	}
	var known []float64
	for _, x := range resample(g.judged, min(len(g.judged), trendPoints)) {
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
