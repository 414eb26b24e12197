package snapshot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Counters are the exact counters of a moment under the field names of Go's
// runtime.MemStats (HeapAlloc, Mallocs, Frees, StackInuse, NumGC, …), plus
// MaxRSS where the trailer gives it. Values are bytes, objects or counts as
// MemStats says; no sampling is involved. The zero value is "nothing known".
type Counters struct {
	Values        map[string]uint64
	GCCPUFraction float64
	BySize        []SizeClass
}

// SizeClass is one entry of MemStats.BySize: objects of up to Size bytes.
type SizeClass struct {
	Size    uint32 `json:"Size"`
	Mallocs uint64 `json:"Mallocs"`
	Frees   uint64 `json:"Frees"`
}

// Get returns a counter and whether it is known.
func (c Counters) Get(name string) (uint64, bool) {
	v, ok := c.Values[name]
	return v, ok
}

// Empty reports that nothing is known.
func (c Counters) Empty() bool { return len(c.Values) == 0 && len(c.BySize) == 0 }

// LiveBytes is HeapAlloc: bytes of live objects right after a collection.
func (c Counters) LiveBytes() (uint64, bool) { return c.Get("HeapAlloc") }

// LiveObjects is Mallocs − Frees, else HeapObjects.
func (c Counters) LiveObjects() (uint64, bool) {
	m, ok1 := c.Get("Mallocs")
	f, ok2 := c.Get("Frees")
	if ok1 && ok2 && m >= f {
		return m - f, true
	}
	return c.Get("HeapObjects")
}

// maxPlausible bounds counts and bytes of one process: no address space is that
// large, and at a billion a second a count takes 36 years to reach it.
const maxPlausible = 1 << 60

// Implausible names a counter that no running Go program has, "" where all can be:
// something is always live, and no more is freed than was allocated.
func (c Counters) Implausible() (name string) {
	for _, name := range []string{"HeapAlloc", "Mallocs", "Frees", "TotalAlloc", "HeapObjects", "StackInuse"} {
		if v, ok := c.Get(name); ok && v >= maxPlausible {
			return name
		}
	}
	for _, name := range []string{"HeapAlloc", "Mallocs"} {
		if v, ok := c.Get(name); ok && v == 0 {
			return name
		}
	}
	if m, ok := c.Get("Mallocs"); ok && c.Values["Frees"] > m {
		return "Frees"
	}
	return ""
}

// MarshalJSON writes one flat object, as runtime.MemStats would be encoded.
func (c Counters) MarshalJSON() ([]byte, error) {
	m := make(map[string]any, len(c.Values)+2)
	for k, v := range c.Values {
		m[k] = v
	}
	if c.GCCPUFraction != 0 {
		m["GCCPUFraction"] = c.GCCPUFraction
	}
	if len(c.BySize) > 0 {
		m["BySize"] = c.BySize
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON writes and what encoding a
// runtime.MemStats (or expvar's memstats) gives; fields that are not whole
// numbers ≥ 0 are passed over.
func (c *Counters) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	out := Counters{Values: make(map[string]uint64, len(m))}
	others := map[string]any{"GCCPUFraction": &out.GCCPUFraction, "BySize": &out.BySize}
	for k, raw := range m {
		if to, ok := others[k]; ok {
			if err := json.Unmarshal(raw, to); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		} else if v, err := strconv.ParseUint(string(bytes.TrimSpace(raw)), 10, 64); err == nil {
			out.Values[k] = v
		}
	}
	*c = out
	return nil
}

// Limits of the text of a heap profile: what runtime/pprof writes is far below
// (its longest line is PauseNs, about 6 kB; MemStats has some 30 fields).
const (
	maxTrailerLine     = 1 << 20
	maxTrailerCounters = 128
)

// ParseTrailer reads the exact counters from the text of
// /debug/pprof/heap?debug=1, whose last lines are a MemStats
// ("# HeapAlloc = 1234"). The stacks before it are read past, never kept, so r
// may be long. A text without HeapAlloc, or one that ends within the line of
// it, is an error.
func ParseTrailer(r io.Reader) (Counters, error) {
	c := Counters{Values: map[string]uint64{}}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxTrailerLine)
	sc.Split(wholeLines)
	for sc.Scan() {
		rest, ok := bytes.CutPrefix(sc.Bytes(), []byte("# "))
		if !ok {
			continue
		}
		name, value, ok := strings.Cut(string(rest), " = ")
		if !ok || name == "" || strings.ContainsAny(name, "\t ") || len(c.Values) >= maxTrailerCounters {
			continue
		}
		switch name {
		case "Stack", "MSpan", "MCache": // "inuse / sys"
			inuse, sys, _ := strings.Cut(value, " / ")
			c.set(name+"Inuse", inuse)
			c.set(name+"Sys", sys)
		case "GCCPUFraction":
			if f, err := strconv.ParseFloat(value, 64); err == nil && f >= 0 && f <= 1 {
				c.GCCPUFraction = f
			}
		default:
			c.set(name, value)
		}
	}
	if err := sc.Err(); err != nil {
		return Counters{}, fmt.Errorf("read the counters at the end of the heap text: %w", err)
	}
	if _, ok := c.LiveBytes(); !ok {
		return Counters{}, fmt.Errorf("no line \"# HeapAlloc = …\": this is not the text of /debug/pprof/heap?debug=1, or it was cut short")
	}
	return c, nil
}

// wholeLines splits like bufio.ScanLines but leaves out a last line that lacks
// its end: of a text cut short it could be "# HeapAlloc = 12" where 1234 was meant.
func wholeLines(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

func (c *Counters) set(name, value string) {
	if v, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); err == nil {
		c.Values[name] = v
	}
}
