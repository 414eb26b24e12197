package harness

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// logTail is how much of the log's end is kept, bytes.
	logTail = 4096
	// logWait is how long the end of the log is waited for once the child has
	// ended: something that it started may hold it open for ever.
	logWait = 250 * time.Millisecond
)

// childLog takes in what a child writes. It uses pipes of its own and not
// os/exec's, whose Wait returns only when whatever the child started has closed
// them too: the child's end is to be noticed at once.
type childLog struct {
	to io.Writer // may be nil

	mu   sync.Mutex
	last []byte // at most 2*logTail

	readers []*os.File
	writers []*os.File // the child's ends, until it has started
	copying sync.WaitGroup
}

func newChildLog(to io.Writer) *childLog { return &childLog{to: to} }

// pipe returns a file for the child to write to. What is written goes to the
// given writer, or if that is nil into the log.
func (l *childLog) pipe(to io.Writer) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for its output: %w", err)
	}
	if to == nil {
		to = l
	}
	l.readers, l.writers = append(l.readers, r), append(l.writers, w)
	l.copying.Go(func() {
		// Ends at the pipe's end, or at the deadline that finish sets.
		_, _ = io.Copy(insistent{to}, r)
	})
	return w, nil
}

// started gives up this process's copies of the child's ends.
func (l *childLog) started() {
	for _, w := range l.writers {
		_ = w.Close()
	}
	l.writers = nil
}

// finish waits for the rest of the output, for a bounded time.
func (l *childLog) finish() {
	l.started()
	for _, r := range l.readers {
		_ = r.SetReadDeadline(time.Now().Add(logWait))
	}
	l.copying.Wait()
	for _, r := range l.readers {
		_ = r.Close()
	}
	l.readers = nil
}

// Write implements io.Writer for what belongs into the log.
func (l *childLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	l.last = append(l.last, b...)
	if len(l.last) > 2*logTail {
		l.last = append(l.last[:0], l.last[len(l.last)-logTail:]...)
	}
	l.mu.Unlock()
	if l.to != nil {
		_, _ = l.to.Write(b)
	}
	return len(b), nil
}

func (l *childLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.last[max(len(l.last)-logTail, 0):])
}

// insistent goes on when its writer fails: a child must not block or die of
// SIGPIPE because its log's reader is gone.
type insistent struct{ io.Writer }

func (i insistent) Write(b []byte) (int, error) {
	_, _ = i.Writer.Write(b)
	return len(b), nil
}
