package capture

import (
	"bytes"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// moment0 is the time of the first hand-made profile.
var moment0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func heapTypes() []*profile.ValueType {
	return []*profile.ValueType{
		{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"},
		{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"},
	}
}

// made describes a hand-made profile.
type made struct {
	binary, build string
	at            time.Time
	functions     []string // one sample each, a stack of this function under main.main
	file          string   // of the functions
	inuse         int64    // bytes of each sample; goroutines of each, for a goroutine profile
	period        int64    // default 524288
}

func (m made) profile(types []*profile.ValueType, values func(inuse int64) []int64) *profile.Profile {
	mapping := &profile.Mapping{ID: 1, Start: 0x400000, Limit: 0x800000, File: m.binary, BuildID: m.build, HasFunctions: true}
	p := &profile.Profile{SampleType: types, Period: m.period, PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Mapping: []*profile.Mapping{mapping}}
	if p.Period == 0 {
		p.Period = 524288
	}
	if !m.at.IsZero() {
		p.TimeNanos = m.at.UnixNano()
	}
	if m.file == "" {
		m.file = "/src/" + m.binary + "/main.go"
	}
	add := func(name string) *profile.Location {
		f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name, Filename: m.file}
		l := &profile.Location{ID: uint64(len(p.Location) + 1), Mapping: mapping, Address: 0x400000 + uint64(len(p.Location)), Line: []profile.Line{{Function: f, Line: 7}}}
		p.Function, p.Location = append(p.Function, f), append(p.Location, l)
		return l
	}
	root := add("main.main")
	for _, name := range m.functions {
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{add(name), root}, Value: values(m.inuse)})
	}
	return p
}

func (m made) heapProfile() *profile.Profile {
	return m.profile(heapTypes(), func(v int64) []int64 { return []int64{2 * v / 64, 2 * v, v / 64, v} })
}

func (m made) goroutineProfile() *profile.Profile {
	return m.profile([]*profile.ValueType{{Type: "goroutine", Unit: "count"}}, func(v int64) []int64 { return []int64{v} })
}

func compressed(t testing.TB, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func plain(t testing.TB, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteUncompressed(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// text is what heap?debug=1 serves.
func text(live, forced int64, at time.Time) string {
	return fmt.Sprintf("heap profile: 1: 64 [2: 128] @ heap/1048576\n1: 64 [2: 128] @ 0x1\n#\t0x1\tmain.f+0x1\t/src/f.go:1\n\n"+
		"# runtime.MemStats\n# Mallocs = 900\n# Frees = 400\n# HeapAlloc = %d\n# Stack = 4096 / 8192\n# LastGC = %d\n# NumForcedGC = %d\n", live, at.UnixNano(), forced)
}

// canned serves small hand-made profiles under the paths of net/http/pprof: a
// target that costs nothing, for tests that are not about its content.
func canned(t testing.TB) http.Handler {
	m := made{binary: "server", build: "b1", functions: []string{"main.f", "main.g"}, inuse: 1 << 20, at: moment0}
	heap, goroutine := compressed(t, m.heapProfile()), compressed(t, m.goroutineProfile())
	var forced atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/heap", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("gc") == "1" {
			forced.Add(1)
		}
		if r.FormValue("debug") == "1" {
			_, _ = w.Write([]byte(text(1<<20, forced.Load(), moment0)))
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(heap)
	})
	mux.HandleFunc("/debug/pprof/goroutine", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(goroutine)
	})
	mux.HandleFunc("/debug/pprof/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><a href='heap?debug=1'>heap</a>"))
	})
	mux.HandleFunc("/debug/pprof/cmdline", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("/usr/bin/server\x00-token=secret"))
	})
	return mux
}
