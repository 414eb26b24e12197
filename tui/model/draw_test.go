package model

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

func TestCanvasMendsWideCharacters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		draw func(*canvas)
		want string
	}{
		{"a wide character fills two cells", func(c *canvas) { c.put(0, 0, 6, "漢a", Normal) }, "漢a   "},
		{"half of one does not fit", func(c *canvas) { c.put(4, 0, 5, "漢", Normal) }, "      "},
		{"its first half is overwritten", func(c *canvas) { c.put(1, 0, 6, "漢", Normal); c.put(1, 0, 6, "x", Normal) }, " x    "},
		{"its second half is overwritten", func(c *canvas) { c.put(1, 0, 6, "漢", Normal); c.put(2, 0, 6, "x", Normal) }, "  x   "},
		{"one over two", func(c *canvas) { c.put(0, 0, 6, "漢字", Normal); c.put(1, 0, 6, "語", Normal) }, " 語   "},
		{"left of the screen", func(c *canvas) { c.put(-1, 0, 6, "ab", Normal) }, "b     "},
		{"a mark joins its letter", func(c *canvas) { c.put(0, 0, 6, "e\u0301x", Normal) }, "e\u0301x    "},
		{"what fills no cell is left out", func(c *canvas) { c.put(0, 0, 6, "\u200b\x1b\u202ea\nb", Normal) }, "ab    "},
		{"below the screen", func(c *canvas) { c.put(0, 7, 6, "ab", Normal) }, "      "},
	} {
		k := newCanvas(6, 1)
		c.draw(k)
		if got := k.rows()[0].String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestShortening(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{fit("abcdef", 6), "abcdef"},
		{fit("abcdefg", 6), "abcde…"},
		{fit("漢字漢字", 5), "漢字…"},
		{fit("abc", 0), ""},
		{fitMiddle("abcdefghij", 7), "ab…ghij"},
		{fitMiddle("漢字漢字漢字", 6), "…漢字"},
		{fitFunction("stuckreceive.Stage.worker", 22), "stuckrece…Stage.worker"},
		{fitFunction("stuckreceive.Stage.worker", 9), "st…worker"},
		{fitFunction("pkg.f", 9), "pkg.f"},
		{fitCulprit("embed.(*Batcher).Flush", "embed/batch.go:88", "", 40), "embed.(*Batcher).Flush embed/batch.go:88"},
		{fitCulprit("embed.(*Batcher).Flush", "embed/batch.go:88", "", 39), "embed.(*Batcher).Flush batch.go:88"},
		{fitCulprit("embed.(*Batcher).Flush", "embed/batch.go:88", "", 30), "embe…Batcher.Flush batch.go:88"},
		{fitCulprit("embed.(*Batcher).Flush", "embed/batch.go:88", "", 14), "batch.go:88"},
		{fitCulprit("worker.retry", "retry.go:19", "chan send", 36), "worker.retry retry.go:19 [chan send]"},
		{fitCulprit("worker.retry", "retry.go:19", "chan send", 30), "worker.retry retry.go:19"},
		{fitCulprit("(unattributed)", "", "", 8), "(u…uted)"},
		{padLeft("漢", 5), "   漢"},
		{padRight("漢字漢", 4), "漢… "},
		{strings.Join(wrap("one two  three abcdefghij", 7), "|"), "one two|three|abcdefg|hij"},
		{strings.Join(wrap("漢字漢字 x", 4), "|"), "漢字|漢字|x"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestCulpritKeepsItsPlaceInSight(t *testing.T) {
	t.Parallel()
	for w := 14; w < 70; w++ {
		s := fitCulprit("索引.(*転置索引).追加する文書", "pipeline/転置.go:204", "chan receive (nil chan)", w)
		if !strings.Contains(s, "転置.go:204") || cells(s) > w {
			t.Errorf("at %d cells: %q of %d", w, s, cells(s))
		}
	}
}

func TestSparklines(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		values []float64
		width  int
		least  float64
		want   string
	}{
		{"rises", []float64{0, 1, 2, 3}, 2, 0, "⡠⠊"},
		{"is flat", []float64{5, 5, 5, 5}, 2, 0, "⣀⣀"},
		{"moves by less than counts", []float64{100, 100.1, 100}, 2, 1, "⣀⣀"},
		{"has a gap", []float64{0, nan, nan, nan, 3, 3}, 3, 0, "⡀ ⠉"},
		{"is shorter than its line", []float64{0, 3}, 4, 0, "⣀⣀⠉⠉"},
		{"is longer than its line", []float64{0, 0, 0, 0, 6, 6, 6, 6}, 1, 0, "⡈"},
		{"is not known", []float64{nan, nan}, 3, 0, "   "},
		{"is empty", nil, 3, 0, "   "},
		{"has an infinity", []float64{0, math.Inf(1), 3, 3}, 2, 0, "⡀⠉"},
		{"has no room", []float64{1, 2}, 0, 0, ""},
	} {
		if got := spark(c.values, c.width, c.least); got != c.want {
			t.Errorf("what %s is %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lo, hi float64
		n      int
		want   string
	}{
		{163, 192, 6, "165 170 175 180 185 190"},
		{163, 192, 3, "170 180 190"},
		{0, 1, 5, "0.00 0.25 0.50 0.75 1.00"},
		{0.01, 0.99, 5, "0.2 0.4 0.6 0.8"},
		{298.1, 299.9, 4, "298.5 299.0 299.5"},
		{0, 12345, 3, "0 5,000 10,000"},
		{7, 7, 3, ""},
		{math.NaN(), 7, 3, ""},
		{0, math.Inf(1), 3, ""},
	} {
		var got []string
		for _, x := range niceTicks(c.lo, c.hi, c.n) {
			got = append(got, x.label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("ticks of [%g, %g], at most %d: %q, want %q", c.lo, c.hi, c.n, s, c.want)
		}
	}
	for _, c := range []struct {
		span float64
		unit string
		want string
	}{
		{100, "s", "0 15 30 45 60 75 90"},
		{760, "min", "0 2 4 6 8 10 12"},
		{36000, "h", "0 2 4 6 8 10"},
		{9 * 86400, "d", "0 2 4 6 8"},
	} {
		unit, size := timeUnit(c.span)
		var got []string
		for _, x := range timeTicks(c.span/size, 7) {
			got = append(got, x.label)
		}
		if s := strings.Join(got, " "); unit != c.unit || s != c.want {
			t.Errorf("ticks of %g s: %q %s, want %q %s", c.span, s, unit, c.want, c.unit)
		}
	}
}

func TestPlotPutsDotsWhereTheValuesAre(t *testing.T) {
	t.Parallel()
	p := newPlot(rect{0, 0, 4, 2}, 0, 7, 0, 7)
	p.stroke(0, 0, 7, 7, 1, Heap)
	c := newCanvas(4, 2)
	p.draw(c)
	if got, want := c.rows()[0].String()+"\n"+c.rows()[1].String(), "  ⡠⠊\n⡠⠊  "; got != want {
		t.Errorf("a diagonal is\n%s\nwant\n%s", got, want)
	}
	p = newPlot(rect{0, 0, 2, 2}, 0, 1, 0, 1)
	p.stroke(0, 0, 0.001, 1, 1, Heap) // a cliff has no gaps
	c = newCanvas(2, 2)
	p.draw(c)
	if got, want := c.rows()[0].String()+"\n"+c.rows()[1].String(), "⡇ \n⡇ "; got != want {
		t.Errorf("a cliff is\n%s\nwant\n%s", got, want)
	}
	p.stroke(math.NaN(), 0, 1, 1, 1, Heap)
	p.stroke(0, math.Inf(-1), 1, 1, 1, Heap)
	p.stroke(-1e300, -1e300, 1e300, 1e300, 1, Heap)
}

func TestFitIsTheJudgedSlopeThroughTheCentre(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	f := m.frameNow()
	z := f.fit()
	if z == nil {
		t.Fatal("there is no fit")
	}
	// From one judged moment to the last the line rises by 80.4 B for each
	// operation, and it passes within a hundredth of what was measured.
	ms := f.moments()
	last := ms[len(ms)-1]
	rise := z.at(last.seconds, z.Estimate) - z.at(z.from, z.Estimate)
	ops := last.ops - ms[9].ops
	if want := 80.4 * ops; math.Abs(rise/want-1) > 1e-9 || z.from != 90 {
		t.Errorf("from %g s the fit rises by %g, want %g", z.from, rise, want)
	}
	if got := z.at(last.seconds, z.Estimate); math.Abs(got/last.live-1) > 0.01 {
		t.Errorf("the fit ends at %g, measured %g", got, last.live)
	}
	if lo, hi := z.at(last.seconds, z.Lo), z.at(last.seconds, z.Hi); !(lo < z.at(last.seconds, z.Estimate) && z.at(last.seconds, z.Estimate) < hi) {
		t.Errorf("the band ends at %g … %g", lo, hi)
	}
}

func TestTrendOfAGauge(t *testing.T) {
	t.Parallel()
	ramp := func(n int, step float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = 1000 + step*float64(i)
		}
		return v
	}
	res := &detect.Result{Totals: []detect.Total{{Name: "grows", Verdict: detect.Suspect}, {Name: "stays", Verdict: detect.Stable}, {Name: "open"}}}
	for _, c := range []struct {
		name  string
		total string
		v     []float64
		want  string
	}{
		{"the verdict says that it grows", "grows", ramp(40, 0), "▲"},
		{"the verdict says that it is stable", "stays", ramp(40, 50), "="},
		{"an open verdict lets the ranks tell", "open", ramp(40, 50), "▲"},
		{"it falls", "", ramp(40, -20), "▼"},
		{"it rises by too little", "", ramp(40, 0.01), "="},
		{"it is too short", "", ramp(4, 50), " "},
		{"it is not known", "", []float64{math.NaN(), math.NaN()}, " "},
		{"it is not judged", "", nil, " "},
	} {
		if got := trendOf(&frame{res: res}, &gauge{series: ramp(40, 50), judged: c.v, total: c.total}).Text; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestGaugesTellTheTrendOfWhatWasJudged(t *testing.T) {
	t.Parallel()
	f := feed(t, late).frameNow()
	judged := f.res.Window.Snapshots
	for _, g := range gauges(f) {
		want, first := judged, 9
		switch g.name {
		case "peak RSS":
			continue
		case "RSS": // of the probes, each between two snapshots
			want = judged - 1
		}
		if len(g.judged) != want || g.judged[0] != g.series[first] {
			t.Errorf("%s: %d values from %g, want %d from %g", g.name, len(g.judged), g.judged[0], want, g.series[first])
		}
	}
	f.res = nil
	for _, g := range gauges(f) {
		if len(g.judged) > 0 || trendOf(f, &g).Text != " " {
			t.Errorf("%s: a trend of %d values before the first judgement", g.name, len(g.judged))
		}
	}
}

func TestOfARecordingNobodyIsToldFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg   Config
		state State
		want  report.Reader
	}{
		{Config{}, StateLive, report.Operator},
		{Config{}, StateEnded, report.Operator},
		{Config{}, StateReplay, report.Archivist},
		{Config{Recording: true}, StateLive, report.Archivist},
	} {
		m := New(c.cfg)
		m.Apply(Update{Source: "a", State: c.state})
		if got := m.reader(m.frameNow()); got != c.want {
			t.Errorf("recording %v, state %d: reader %d, want %d", c.cfg.Recording, c.state, got, c.want)
		}
	}
}

func TestRatesShareTheirDecimals(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	for _, c := range []struct {
		i              *stats.Interval
		estimate, half string
	}{
		{nil, "", ""},
		{interval(52.93, 1.14), "52.9", "1.1"},
		{interval(0.02, 1.3), "0.02", "1.30"},
		{interval(0.009, 0.0004), "0.0090", "0.0004"},
		{interval(35394, 1432), "35,394", "1,432"},
		{&stats.Interval{Estimate: 12, Lo: -inf, Hi: inf}, "12.0", ""},
		{&stats.Interval{Estimate: math.NaN(), Lo: 1, Hi: 2}, "", "0.5"},
	} {
		if e, h := rates(c.i); e != c.estimate || h != c.half && c.estimate != "" {
			t.Errorf("%+v is %q ± %q, want %q ± %q", c.i, e, h, c.estimate, c.half)
		}
	}
}

func TestPhasesAreToldInTheRoomThereIs(t *testing.T) {
	t.Parallel()
	m := feed(t, late)
	for _, c := range []struct {
		width int
		want  string
	}{
		{130, "phase ✓idle ✓warm-up ✓steady 1 ▶STEADY 2 12:40/20:00 ·drain"},
		{110, "✓warm-up ✓steady 1 ▶STEADY 2 12:40/20:00 ·drain"},
		{90, "▶STEADY 2 12:40/20:00 ·drain"},
		{80, "▶STEADY 2 12:40/20:00"},
	} {
		l := strings.Split(m.View(c.width, 32).Text(), "\n")[2]
		if _, got, _ := strings.Cut(l, "shed   "); strings.TrimRight(got, " │") != c.want {
			t.Errorf("at %d cells the phases are %q, want %q", c.width, got, c.want)
		}
	}
}

func TestWhatIsNotKnownIsNotShown(t *testing.T) {
	t.Parallel()
	m := New(DefaultConfig())
	for i := range 9 { // bare heap profiles, as of a folder of files
		st := stackOf("example.com/a.F /a/f.go:3")
		m.Apply(Update{Source: "a", State: StateReplay, Run: &snapshot.Run{Snapshots: []*snapshot.Snapshot{{
			Meta: snapshot.Meta{Time: began.Add(time.Duration(i) * time.Minute)},
			Heap: &snapshot.Heap{Period: 512 << 10, Samples: []snapshot.HeapSample{{Stack: st, Size: 100, InuseObjects: int64(10 + i), InuseBytes: int64(1000 + 100*i)}}},
		}}}})
	}
	m.Apply(Update{Source: "a", Result: &detect.Result{Per: detect.PerSecond, Window: detect.Window{
		From: began.Add(3 * time.Minute), To: began.Add(8 * time.Minute), Snapshots: 6, Work: 300,
	}}})
	picture := text(m, 110, 32)
	for _, not := range []string{"RSS", "goal", "gorout.", "p99", "pid", "ops", "NaN", "Inf", "sampling", "cost", "limit"} {
		if strings.Contains(picture, not) {
			t.Errorf("%q is shown:\n%s", not, picture)
		}
	}
	for _, want := range []string{"load not known: growth is per second", "B/s", "a.F a/f.go:3", "live heap", "1.67", "+100"} {
		if !strings.Contains(picture, want) {
			t.Errorf("%q is not shown:\n%s", want, picture)
		}
	}
}

func TestTimelineThinsEvenly(t *testing.T) {
	t.Parallel()
	var l timeline
	var v []float32
	for i := range 5000 {
		keep, replaced := l.add(moment{seconds: float64(i)})
		v = extend(v, float64(i), keep, replaced)
		if len(l.moments) > maxMoments || len(v) != len(l.moments) {
			t.Fatalf("after %d: %d moments, %d values", i+1, len(l.moments), len(v))
		}
		for k := range v {
			if float64(v[k]) != l.moments[k].seconds {
				t.Fatalf("after %d: value %d is of %g s, its moment of %g", i+1, k, v[k], l.moments[k].seconds)
			}
		}
		if last := l.moments[len(l.moments)-1].seconds; last != float64(i) || l.moments[0].seconds != 0 {
			t.Fatalf("after %d: the moments go from %g to %g", i+1, l.moments[0].seconds, last)
		}
	}
	if !slices.IsSortedFunc(l.moments, func(a, b moment) int { return a.nth - b.nth }) {
		t.Error("the moments are not in order")
	}
	for _, c := range []struct{ at, want float64 }{{-1, -1}, {0, 0}, {1, 0}, {15.9, 0}, {16, 16}, {17, 16}, {4998, 4992}, {1e6, 4999}} {
		got := -1.0
		l.moments[0].at = began
		for i := range l.moments {
			l.moments[i].at = began.Add(time.Duration(l.moments[i].seconds) * time.Second)
		}
		if i := l.index(began.Add(time.Duration(c.at * float64(time.Second)))); i >= 0 {
			got = l.moments[i].seconds
		}
		if got != c.want {
			t.Errorf("the moment at %g s is that of %g, want %g", c.at, got, c.want)
		}
	}
}
