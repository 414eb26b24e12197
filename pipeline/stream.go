package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/heapdrift/heapdrift/pipeline/store"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// window is how many parts of one document may be in the stages at a time.
const window = 3

// stream takes a document through the stages in parts. The text is read by the
// caller's goroutine, so that a slow sender holds up nobody else; what it may
// have in the stages is bounded, so that the whole of it is never in memory.
// The document is there for readers when its last part is stored: that one is
// sent when all others are.
//
// doc gets the fields that came after the text.
func (p *Pipeline) stream(ctx context.Context, doc *Document, wait bool) (store.Total, error) {
	s := streaming{
		p: p, ctx: ctx, doc: *doc, wait: wait,
		draft: p.cfg.Store.NewDraft(), reading: &text.Reading{}, sum: xxh3.New(),
	}
	s.doc.Text, s.doc.Rest = "", nil
	var source io.Reader = strings.NewReader(doc.Text)
	if doc.Rest != nil {
		source = io.MultiReader(source, doc.Rest)
	}
	err := s.send(source, func() error {
		if c, ok := doc.Rest.(Completer); ok {
			if err := c.Complete(&s.doc); err != nil {
				return err
			}
		}
		if s.doc.Title == "" && doc.Rest != nil {
			s.doc.Title = s.headline
		}
		doc.Title, doc.Source = s.doc.Title, s.doc.Source
		return s.doc.Validate()
	})
	if failed := s.await(0); err == nil {
		err = failed
	}
	if err != nil {
		// The parts that are stored go; if this cannot be done now, it is when
		// the store is opened again.
		if s.seq > 0 {
			_ = p.cfg.Store.Discard(context.WithoutCancel(ctx), s.draft)
		}
		return store.Total{}, err
	}
	return s.total, nil
}

// streaming is one document on its way.
type streaming struct {
	p        *Pipeline
	ctx      context.Context
	doc      Document // without its text
	wait     bool     // for room for the first part
	draft    uint64
	reading  *text.Reading
	headline string // the first line, for a document without a title
	sum      *xxh3.Hasher

	seq   int         // of the next part
	under []*job      // parts in the stages, oldest first
	total store.Total // of those that are done
}

// send reads the source to its end and sends its parts; complete is called
// before the last.
func (s *streaming) send(source io.Reader, complete func() error) error {
	buf := make([]byte, s.p.cfg.PartBytes)
	kept := 0 // bytes of a rune that was cut off
	for {
		n, err := fill(source, buf, kept)
		if errors.Is(err, io.EOF) {
			if err := complete(); err != nil {
				return err
			}
			if err := s.await(0); err != nil {
				return err
			}
			return s.next(string(buf[:n]), true)
		}
		if err != nil {
			return fmt.Errorf("read its text: %w", err)
		}
		whole := text.WholeRunes(buf[:n])
		if err := s.next(string(buf[:whole]), false); err != nil {
			return err
		}
		kept = copy(buf, buf[whole:n])
	}
}

// fill reads until buf is full from n on, and returns how much it holds. Unlike
// io.ReadFull it tells a source that has ended from one that broke off.
func fill(source io.Reader, buf []byte, n int) (int, error) {
	for idle := 0; n < len(buf); {
		got, err := source.Read(buf[n:])
		n += got
		if err != nil {
			return n, err
		}
		if idle++; got > 0 {
			idle = 0
		} else if idle > 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

// next sends one part and waits until it is split: the next one begins where
// it ends.
func (s *streaming) next(piece string, last bool) error {
	if err := s.await(window - 1); err != nil {
		return err
	}
	if s.seq == 0 && s.doc.Title == "" {
		s.headline = strings.Clone(text.Headline(piece))
	}
	_, _ = s.sum.WriteString(piece) // it never fails
	j := &job{
		ctx: s.ctx, doc: s.doc, piece: piece, reading: s.reading, read: make(chan struct{}, 1),
		draft: s.draft, seq: s.seq, last: last, done: make(chan error, 1),
	}
	if last {
		j.total, j.print = s.total, fingerprint(s.doc, s.sum.Sum64())
	}
	if err := s.p.send(j, s.wait || s.seq > 0); err != nil {
		return err
	}
	s.seq++
	s.under = append(s.under, j)
	select {
	case <-j.read:
	case err := <-j.done: // perhaps it did not come so far
		j.done <- err // for await, which tells
	}
	return nil
}

// await waits until at most n parts are in the stages.
func (s *streaming) await(n int) error {
	var failed error
	for len(s.under) > n {
		j := s.under[0]
		s.under = s.under[1:]
		if err := <-j.done; err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		own := j.counts()
		s.total.Chunks += own.Chunks
		s.total.Entities += own.Entities
	}
	return failed
}
