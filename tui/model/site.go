package model

import (
	"math"
	"slices"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// maxSites bounds the sites of a target, and its groups. A program has as many
// as its source has; past the bound the ones that hold least are forgotten.
const maxSites = 16384

// pruneEvery is after how many snapshots the sites that hold nothing any more
// are forgotten.
const pruneEvery = 256

// site is an allocation site or a group of goroutines, with a value for each
// moment of the timeline. float32 tells sizes to seven digits: enough to draw
// and to fit, at half the memory.
type site struct {
	id    string // as detect.Finding.ID
	kind  detect.Kind
	stack *snapshot.Stack // where most of it is now
	// wait, of goroutines, is what they wait for; root what they began with.
	wait, root  string
	name, place string // of the culprit, for people
	function    string // of the culprit, whole
	file        string
	line        int

	bytes []float32 // in use; nil of goroutines
	count []float32 // objects in use, or goroutines

	// while a snapshot is read
	seen               int
	nowBytes, nowCount float64
	most               float64
}

// sites are those of one kind.
type sites struct {
	kind    detect.Kind
	list    []*site
	byKey   map[string]*site
	byStack map[*snapshot.Stack]*site
	round   int
}

func newSites(kind detect.Kind) *sites {
	return &sites{kind: kind, byKey: map[string]*site{}, byStack: map[*snapshot.Stack]*site{}}
}

// of finds the site of a stack, or makes it, empty so far.
func (s *sites) of(st *snapshot.Stack, moments []moment, module string) *site {
	if x, ok := s.byStack[st]; ok {
		return x
	}
	var key, wait, root string
	if s.kind == detect.KindHeap {
		key = series.SiteKey(st)
	} else {
		var where string
		wait, where, root = series.GroupKey(st)
		key = wait + "\n" + where + "\n" + root
	}
	x, ok := s.byKey[key]
	if !ok {
		x = &site{kind: s.kind, wait: report.Printable(wait), root: report.ShortFunction(root)}
		x.count = blankSeries(moments, s.kind)
		if s.kind == detect.KindHeap {
			x.id, x.bytes = detect.SiteID(key), blankSeries(moments, s.kind)
		} else {
			x.id = groupID(st)
		}
		x.blame(st, module)
		s.byKey[key] = x
		s.list = append(s.list, x)
	}
	s.byStack[st] = x
	return x
}

func groupID(st *snapshot.Stack) string { return detect.GroupID(series.GroupKey(st)) }

// blankSeries is that of a site that was not there before.
func blankSeries(moments []moment, kind detect.Kind) []float32 {
	v := make([]float32, len(moments))
	for i := range moments {
		if kind == detect.KindHeap && !moments[i].profile || kind == detect.KindGoroutine && math.IsNaN(moments[i].routine) {
			v[i] = float32(math.NaN())
		}
	}
	return v
}

// blame names the culprit of a stack.
func (x *site) blame(st *snapshot.Stack, module string) {
	x.stack = st
	i := series.Culprit(st.Frames, module)
	if i < 0 {
		x.name = "(no stack)"
		return
	}
	f := st.Frames[i]
	if n := len(st.Frames); x.kind == detect.KindGoroutine && series.Standard(f) {
		f = st.Frames[n-1] // what they were begun for tells more than where they wait
	}
	x.function, x.file, x.line = f.Function, f.File, f.Line
	x.name = report.ShortFunction(f.Function)
	x.place = report.Place(f.Function, f.File, f.Line, module)
}

// begin extends every series for a new moment, with nothing or, where the
// snapshot has no such profile, with what is not known.
func (s *sites) begin(known bool, keep thinning, replaced bool) {
	s.round++
	y := 0.0
	if !known {
		y = math.NaN()
	}
	for _, x := range s.list {
		if s.kind == detect.KindHeap {
			x.bytes = extend(x.bytes, y, keep, replaced)
		}
		x.count = extend(x.count, y, keep, replaced)
	}
}

// add counts one sample of the moment that was begun.
func (s *sites) add(x *site, st *snapshot.Stack, bytes, n float64, module string) {
	if x.seen != s.round {
		x.seen, x.most, x.nowBytes, x.nowCount = s.round, -1, 0, 0
	}
	x.nowBytes += bytes
	x.nowCount += n
	x.count[len(x.count)-1] = float32(x.nowCount)
	size := n
	if s.kind == detect.KindHeap {
		x.bytes[len(x.bytes)-1] = float32(x.nowBytes)
		size = bytes
	}
	if size > x.most {
		x.most = size
		if st != x.stack {
			x.blame(st, module)
		}
	}
}

// end bounds what is kept after so many samples.
func (s *sites) end(samples int) {
	if len(s.byStack) > 4*samples+4096 {
		clear(s.byStack) // stacks of other profiles: they are looked up anew
	}
	if s.round%pruneEvery == 0 {
		s.keep(func(x *site) bool { return !x.empty() })
	}
	if len(s.list) > maxSites {
		s.forget()
	}
}

// empty reports a site that holds nothing at any moment that is kept.
func (x *site) empty() bool {
	for _, v := range x.count {
		if v > 0 {
			return false
		}
	}
	for _, v := range x.bytes {
		if v > 0 {
			return false
		}
	}
	return true
}

// keep drops the sites that ok does not want.
func (s *sites) keep(ok func(*site) bool) {
	n := len(s.list)
	s.list = slices.DeleteFunc(s.list, func(x *site) bool { return !ok(x) })
	if len(s.list) == n {
		return
	}
	for k, x := range s.byKey {
		if !ok(x) {
			delete(s.byKey, k)
		}
	}
	clear(s.byStack)
}

// forget drops the quarter of the sites that holds least.
func (s *sites) forget() {
	sizes := make([]float64, len(s.list))
	for i, x := range s.list {
		sizes[i] = x.size()
	}
	slices.Sort(sizes)
	least := sizes[len(sizes)/4]
	spare := maxSites * 3 / 4
	stays := map[*site]bool{}
	for _, more := range []bool{true, false} { // those above the bound, then as many as there is room for
		for _, x := range s.list {
			if (x.size() > least) == more && len(stays) < spare {
				stays[x] = true
			}
		}
	}
	s.keep(func(x *site) bool { return stays[x] })
}

// size is the last value, to order by; 0 where it is not known.
func (x *site) size() float64 {
	v := x.count
	if x.bytes != nil {
		v = x.bytes
	}
	if len(v) == 0 || math.IsNaN(float64(v[len(v)-1])) {
		return 0
	}
	return float64(v[len(v)-1])
}

// clone copies what is read while the picture stands still.
func (s *sites) clone() *sites {
	c := &sites{kind: s.kind, list: make([]*site, len(s.list))}
	for i, x := range s.list {
		y := *x
		y.bytes, y.count = slices.Clone(x.bytes), slices.Clone(x.count)
		c.list[i] = &y
	}
	return c
}
