package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func FuzzParseTrailer(f *testing.F) {
	text := heapText(f)
	f.Add([]byte(text[strings.Index(text, "# runtime.MemStats"):]))
	f.Add([]byte("# HeapAlloc = 1\n# Stack = 2 / 3\n# GCCPUFraction = 0.5\n"))
	f.Add([]byte("# HeapAlloc = 12"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseTrailer(bytes.NewReader(data))
		if err != nil {
			return
		}
		if _, ok := c.LiveBytes(); !ok {
			t.Fatal("no error and no live bytes")
		}
		if len(c.Values) > maxTrailerCounters+6 || !(c.GCCPUFraction >= 0 && c.GCCPUFraction <= 1) {
			t.Fatalf("%d counters, GC fraction %v", len(c.Values), c.GCCPUFraction)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzCountersJSON(f *testing.F) {
	f.Add([]byte(`{"HeapAlloc":1,"GCCPUFraction":0.1,"BySize":[{"Size":8,"Mallocs":2,"Frees":1}],"PauseNs":[1,2]}`))
	f.Add([]byte(`{"HeapAlloc":-1,"Mallocs":1.5,"X":null}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Counters
		if json.Unmarshal(data, &c) != nil {
			return
		}
		out, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Counters
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%s does not read back: %v", out, err)
		}
		if len(back.Values) != len(c.Values) || len(back.BySize) != len(c.BySize) {
			t.Fatalf("%v became %v", c, back)
		}
	})
}

func FuzzParseHeap(f *testing.F) {
	f.Add(served(f, "heap"))
	f.Add(encode(f, heap()))
	var plain bytes.Buffer
	if err := heap().WriteUncompressed(&plain); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		in := NewInterner()
		h, err := ParseHeap(data, in)
		if err != nil {
			if _, kind, derr := Decode(data); derr == nil && kind == KindHeap {
				t.Fatalf("decoded as a heap profile, yet: %v", err)
			} else if derr != nil && !errors.Is(err, ErrNotProfile) {
				t.Fatalf("not ErrNotProfile: %v", err)
			}
			return
		}
		for _, s := range h.Samples {
			if s.Stack == nil || s.InuseBytes < 0 || s.AllocBytes < 0 || s.InuseObjects < 0 || s.AllocObjects < 0 || s.Size < 0 {
				t.Fatalf("sample %+v", s)
			}
		}
		again, err := ParseHeap(data, in)
		if err != nil || len(again.Samples) != len(h.Samples) {
			t.Fatalf("a second reading differs: %v", err)
		}
		for i := range h.Samples {
			if again.Samples[i].Stack != h.Samples[i].Stack {
				t.Fatal("equal stacks are not shared")
			}
		}
	})
}

func FuzzParseGoroutines(f *testing.F) {
	f.Add(served(f, "goroutine"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ParseGoroutines(data, NewInterner())
		if err != nil {
			return
		}
		var sum int64
		for _, s := range g.Samples {
			if s.Stack == nil || s.Count < 0 {
				t.Fatalf("sample %+v", s)
			}
			sum += s.Count
		}
		if sum != g.Total {
			t.Fatalf("total %d, sum %d", g.Total, sum)
		}
	})
}
