package session

import (
	"sync"
	"sync/atomic"
)

// growing are the programs that TestForecast follows to their end, by mode: each
// returns an operation that retains some 100 KiB.
var growing = map[string]func() func() error{
	"small objects": func() func() error {
		var l list
		return func() error { l.keep(800, 128); return nil }
	},
	"garbage, 3 times": func() func() error {
		var l list
		return func() error { waste(300, 1<<10); l.keep(800, 128); return nil }
	},
	"garbage, 20 times": func() func() error {
		var l list
		return func() error { waste(2000, 1<<10); l.keep(800, 128); return nil }
	},
	"garbage, 100 times": func() func() error {
		var l list
		return func() error { waste(300, 16<<10); l.keep(400, 128); return nil }
	},
	"large buffers": func() func() error {
		var l list
		var n every
		return func() error {
			if n.of(10) {
				l.keep(1, 1<<20)
			}
			return nil
		}
	},
	"large buffers as garbage": func() func() error {
		var l list
		return func() error { waste(2, 1<<20); l.keep(800, 128); return nil }
	},
	"standing heap": func() func() error {
		var l, standing list
		standing.keep(100<<20/1024, 1024)
		return func() error { waste(600, 1<<10); l.keep(800, 128); standing.keep(0, 0); return nil }
	},
	"map": func() func() error {
		var mu sync.Mutex
		m := map[int]*[96]byte{}
		return func() error {
			mu.Lock()
			defer mu.Unlock()
			for range 800 {
				m[len(m)] = new([96]byte)
			}
			waste(200, 1<<10)
			return nil
		}
	},
	"one slice": func() func() error {
		var mu sync.Mutex
		var s [][]byte
		return func() error {
			mu.Lock()
			defer mu.Unlock()
			for range 1600 {
				s = append(s, make([]byte, 40))
			}
			return nil
		}
	},
	"one of eight retained": func() func() error {
		var l list
		return func() error {
			for range 100 {
				l.keep(1, 512)
				waste(7, 512)
			}
			return nil
		}
	},
	"stacks": func() func() error {
		return func() error {
			for range 3 {
				up := make(chan struct{})
				go deep(24, up)
				<-up
			}
			return nil
		}
	},
	"mapped": func() func() error {
		return func() error { waste(200, 1<<10); return keepMapped(100 << 10) }
	},
}

// list retains memory in objects that are all linked: no slice of it grows.
type list struct {
	mu   sync.Mutex
	last *link
}

type link struct {
	next *link
	data []byte
}

func (l *list) keep(n, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		data := make([]byte, max(0, size-32)) // 32: the link
		for i := range data {
			data[i] = byte(i)
		}
		l.last = &link{l.last, data}
	}
}

// every counts calls.
type every struct {
	mu sync.Mutex
	n  int
}

func (e *every) of(n int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n++
	return e.n%n == 0
}

// waste allocates what nobody retains.
func waste(n, size int) {
	for range n {
		dropped.Store(new(make([]byte, size)))
	}
	dropped.Store(nil)
}

var dropped atomic.Pointer[[]byte]

// deep blocks for ever at some kilobytes of stack a level.
func deep(levels int, up chan<- struct{}) byte {
	var frame [1 << 10]byte
	frame[levels] = byte(levels)
	if levels == 0 {
		close(up)
		select {}
	}
	return deep(levels-1, up) + frame[levels]
}
