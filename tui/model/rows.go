package model

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/analyzer/stats"
)

// tab is one of the tables.
type tab int

const (
	tabHeap tab = iota
	tabGoroutines
)

// row is one line of a table: a site or group, with what was found of it.
// Unknown numbers are NaN.
type row struct {
	id      string
	kind    detect.Kind
	site    *site           // nil of what is at no site
	parts   []*site         // the sites that a finding stands for, when several
	finding *detect.Finding // nil where nothing was found
	verdict detect.Verdict
	rank    int // of the verdict, 0 the worst

	name, place, wait, root string

	rate      float64         // growth per unit of work: bytes, or goroutines in their table
	interval  *stats.Interval // of rate; nil where only least squares tells it
	perMinute float64         // likewise
	live      float64         // bytes
	count     float64         // objects, or goroutines
	more      float64         // goroutines a minute, in the table of the heap

	sinceBytes, sinceCount float64 // growth since the mark
}

// query is all that the rows depend on beside the data.
type query struct {
	tab    tab
	sort   column
	rev    bool
	filter *regexp.Regexp
}

// rowsOf makes the rows of a table, filtered and sorted; total is how many there
// are without the filter. O(sites × moments).
func rowsOf(f *frame, q query) (rows []*row, total int) {
	findings := map[string]*detect.Finding{}
	covered := map[string]*detect.Finding{} // by the id of a part
	if f.res != nil {
		for i := range f.res.Findings {
			x := &f.res.Findings[i]
			findings[x.ID] = x
			for _, id := range x.Parts {
				if id != x.ID {
					covered[id] = x
				}
			}
		}
	}
	heap := f.fitterOf(func(m *moment) bool { return m.profile })
	groups := f.fitterOf(func(m *moment) bool { return !math.IsNaN(m.routine) })
	parts := map[*detect.Finding][]*site{}
	used := map[*detect.Finding]bool{}
	var out []*row
	list, z := f.t.heap.list, &heap
	if q.tab == tabGoroutines {
		list, z = f.t.groups.list, &groups
	}
	for _, s := range list {
		x := findings[s.id]
		if c := covered[s.id]; x == nil && c != nil {
			parts[c] = append(parts[c], s)
			continue
		}
		if x == nil && !(value(s.count, f.end-1) > 0) && !(value(s.bytes, f.end-1) > 0) && !(f.mark >= 0 && value(s.count, f.mark) > 0) {
			continue // it holds nothing
		}
		if x != nil {
			used[x] = true
		}
		out = append(out, f.row(s, x, z, q.tab))
	}
	if q.tab == tabHeap { // goroutines that are stuck belong to the first picture, too
		for _, s := range f.t.groups.list {
			if x := findings[s.id]; x != nil && x.Verdict.AsksAttention() {
				used[x] = true
				out = append(out, f.row(s, x, &groups, q.tab))
			}
		}
	}
	if f.res != nil {
		for i := range f.res.Findings {
			x := &f.res.Findings[i]
			if used[x] || q.tab == tabGoroutines && x.Kind != detect.KindGoroutine || q.tab == tabHeap && x.Kind == detect.KindGoroutine && !x.Verdict.AsksAttention() {
				continue
			}
			out = append(out, f.row(nil, x, z, q.tab))
		}
	}
	for _, r := range out {
		if r.finding != nil && len(parts[r.finding]) > 0 {
			r.parts = parts[r.finding]
			if r.site != nil {
				r.parts = append([]*site{r.site}, r.parts...)
			}
			r.gather(f)
		}
	}
	total = len(out)
	if q.filter != nil {
		out = slices.DeleteFunc(out, func(r *row) bool { return !r.matches(q.filter) })
	}
	slices.SortFunc(out, func(a, b *row) int { return order(a, b, q) })
	return out, total
}

// row of a site, a finding, or both.
func (f *frame) row(s *site, x *detect.Finding, z *fitter, in tab) *row {
	nan := math.NaN()
	r := &row{site: s, finding: x, rank: detect.Unknown.Rank(), rate: nan, perMinute: nan, live: nan, count: nan, more: nan, sinceBytes: nan, sinceCount: nan}
	if s != nil {
		r.id, r.kind, r.name, r.place, r.wait, r.root = s.id, s.kind, s.name, s.place, s.wait, s.root
		r.live, r.count = value(s.bytes, f.end-1), value(s.count, f.end-1)
		main := s.bytes
		if s.kind == detect.KindGoroutine {
			main = s.count
		}
		r.rate = z.slope(main)
		if f.mark >= 0 {
			r.sinceBytes = r.live - value(s.bytes, f.mark)
			r.sinceCount = r.count - value(s.count, f.mark)
		}
	}
	if x != nil {
		r.id, r.kind, r.verdict, r.rank = x.ID, x.Kind, x.Verdict, x.Verdict.Rank()
		if x.Function != "" {
			module := f.t.info.Module
			r.name, r.place = report.ShortFunction(x.Function), report.Place(x.Function, x.File, x.Line, module)
		}
		if x.WaitReason != "" {
			r.wait = report.Printable(x.WaitReason)
		}
		if s == nil {
			if x.LiveBytes > 0 {
				r.live = float64(x.LiveBytes)
			}
			if x.Count > 0 {
				r.count = float64(x.Count)
			}
		}
		growth := x.Bytes
		if x.Kind == detect.KindGoroutine {
			growth = x.Goroutines
		}
		if i := growth.On(f.res.Per); i != nil {
			r.rate, r.interval = i.Estimate, i
		}
	}
	perMinute := f.workPerMinute()
	if r.perMinute = r.rate * perMinute; r.kind == detect.KindGoroutine {
		r.more = r.perMinute
		if in == tabHeap { // its other columns are of bytes
			r.rate, r.interval = nan, nil
			if x != nil {
				if r.interval = x.Bytes.On(f.res.Per); r.interval != nil {
					r.rate = r.interval.Estimate
				}
				if x.LiveBytes > 0 {
					r.live = float64(x.LiveBytes)
				}
			}
			r.perMinute = r.rate * perMinute
		}
	}
	return r
}

// gather adds up what the parts of a finding hold.
func (r *row) gather(f *frame) {
	sum := func(of func(*site) float64) float64 {
		n := 0.0
		for _, s := range r.parts {
			if v := of(s); !math.IsNaN(v) {
				n += v
			}
		}
		return n
	}
	r.live = sum(func(s *site) float64 { return value(s.bytes, f.end-1) })
	r.count = sum(func(s *site) float64 { return value(s.count, f.end-1) })
	if f.mark >= 0 {
		r.sinceBytes = r.live - sum(func(s *site) float64 { return value(s.bytes, f.mark) })
		r.sinceCount = r.count - sum(func(s *site) float64 { return value(s.count, f.mark) })
	}
}

// trend is the row's series up to the frame's end: bytes, or goroutines.
func (r *row) trend(f *frame) []float64 {
	list := r.parts
	if len(list) == 0 && r.site != nil {
		list = []*site{r.site}
	}
	if len(list) == 0 {
		return nil
	}
	out := make([]float64, f.end)
	for _, s := range list {
		v := s.bytes
		if s.kind == detect.KindGoroutine {
			v = s.count
		}
		for i := range out {
			out[i] += value(v, i)
		}
	}
	return out
}

// stack of the row: as found, else where most of it is.
func (r *row) stack() []snapshot.Frame {
	if r.finding != nil && len(r.finding.Stack) > 0 {
		return r.finding.Stack
	}
	if r.site != nil && r.site.stack != nil {
		return r.site.stack.Frames
	}
	return nil
}

// culprit is the whole function of the row, its file and line.
func (r *row) culprit() (function, file string, line int) {
	if r.finding != nil && r.finding.File != "" {
		return r.finding.Function, r.finding.File, r.finding.Line
	}
	if r.site != nil {
		return r.site.function, r.site.file, r.site.line
	}
	if r.finding != nil {
		return r.finding.Function, "", 0
	}
	return "", "", 0
}

// matches asks the filter of everything that names the row.
func (r *row) matches(re *regexp.Regexp) bool {
	function, file, _ := r.culprit()
	for _, s := range []string{r.name, r.place, r.wait, function, file, string(r.verdict)} {
		if s != "" && re.MatchString(s) {
			return true
		}
	}
	return false
}

// order of two rows. Unknown numbers come last, whichever way is asked for.
func order(a, b *row, q query) int {
	if q.sort == colVerdict || q.sort == colCulprit || q.sort == colWaits {
		var c int
		switch q.sort {
		case colVerdict:
			c = worse(a, b)
		case colCulprit:
			c = cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.place, b.place))
		default:
			c = cmp.Or(strings.Compare(a.wait, b.wait), worse(a, b))
		}
		if q.rev {
			c = -c
		}
		if c == 0 {
			c = strings.Compare(a.id, b.id)
		}
		return c
	}
	x, y := q.sort.number(a), q.sort.number(b)
	switch {
	case math.IsNaN(x) && math.IsNaN(y):
		return cmp.Or(worse(a, b), strings.Compare(a.id, b.id))
	case math.IsNaN(x):
		return 1
	case math.IsNaN(y):
		return -1
	}
	c := cmp.Compare(y, x)
	if q.rev {
		c = -c
	}
	if c == 0 {
		if c = worse(a, b); c == 0 {
			c = strings.Compare(a.id, b.id)
		}
	}
	return c
}

// worse orders by verdict, then bytes before goroutines where both are known,
// then by growth, then by size.
func worse(a, b *row) int {
	if a.rank != b.rank {
		return cmp.Compare(a.rank, b.rank)
	}
	if a.kind != b.kind {
		if a.kind == detect.KindHeap {
			return -1
		}
		return 1
	}
	// cmp.Compare has NaN below all numbers.
	if c := cmp.Compare(b.rate, a.rate); c != 0 {
		return c
	}
	if c := cmp.Compare(b.live, a.live); c != 0 {
		return c
	}
	return cmp.Compare(b.count, a.count)
}
