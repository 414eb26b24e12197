package main

import (
	"bytes"
	"io"
	"sync"
)

// stage is standard error, which may lie behind a dashboard for a while: what
// is written then comes out when the terminal is free again. Anyone may write at
// any time.
type stage struct {
	w io.Writer

	mu   sync.Mutex
	held *bytes.Buffer // nil: nothing is in front
	free func()        // gives the terminal back
}

// mostHeld bounds what is kept for later, in bytes.
const mostHeld = 64 << 10

// Write writes, now or later.
func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return s.w.Write(p)
	}
	if s.held.Len() < mostHeld {
		s.held.Write(p)
	}
	return len(p), nil
}

// hold keeps what is written until release, which calls free first.
func (s *stage) hold(free func()) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.free = new(bytes.Buffer), free
}

// release gives the terminal back and writes what was held.
func (s *stage) release() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return
	}
	s.free()
	_, _ = s.w.Write(s.held.Bytes()) // progress is no result
	s.held, s.free = nil, nil
}
