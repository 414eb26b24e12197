package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/store"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Pipeline takes documents through its stages. Any number of goroutines may
// use it.
type Pipeline struct {
	cfg    Config
	intake chan *job // closed by Close, when no sender is left
	group  errgroup.Group

	// senders is held for reading while a document is being sent to intake,
	// and for writing to close it.
	senders sync.RWMutex
	closed  bool
	once    sync.Once
	closing error // what Close returns, after once

	split, embed, put stage
}

// job is a document on its way. One stage at a time holds it.
type job struct {
	ctx     context.Context // the caller's: when it ends nobody waits any more
	doc     Document
	text    string // normalised
	chunks  []text.Chunk
	vectors []embed.Vector
	done    chan error // holds one, so that no stage ever waits for the caller
}

// New starts the stages. The caller must Close the pipeline, which closes the
// store as well; after an error the store is still the caller's.
func New(cfg Config) (*Pipeline, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start pipeline: %w", err)
	}
	p := &Pipeline{cfg: cfg, intake: make(chan *job, cfg.Queue)}
	toEmbed := make(chan *job, cfg.Queue)
	toStore := make(chan *job, cfg.Queue)
	p.split = stage{name: "split", queue: p.intake}
	p.embed = stage{name: "embed", queue: toEmbed}
	p.put = stage{name: "store", queue: toStore}

	p.start(&p.split, toEmbed, p.splitOne)
	p.start(&p.embed, toStore, p.embedOne)
	p.group.Go(p.storeAll)
	return p, nil
}

// Process takes one document through the pipeline and returns when it is
// stored, or when it is not going to be. It waits for room in the intake
// queue. When ctx ends first the document may or may not be stored; sending it
// again is safe.
func (p *Pipeline) Process(ctx context.Context, doc Document) (Summary, error) {
	return p.process(ctx, doc, true)
}

// Offer is Process for a caller that can say "try again later": with no room
// in the intake queue it returns ErrFull at once.
func (p *Pipeline) Offer(ctx context.Context, doc Document) (Summary, error) {
	return p.process(ctx, doc, false)
}

func (p *Pipeline) process(ctx context.Context, doc Document, wait bool) (Summary, error) {
	if err := doc.Validate(); err != nil {
		return Summary{}, err
	}
	j := &job{ctx: ctx, doc: doc, done: make(chan error, 1)}
	if err := p.send(j, wait); err != nil {
		return Summary{}, fmt.Errorf("document %q: %w", doc.ID, err)
	}
	select {
	case err := <-j.done:
		if err != nil {
			return Summary{}, fmt.Errorf("document %q: %w", doc.ID, err)
		}
		return Summary{ID: doc.ID, Chunks: len(j.chunks), SameTitleAs: doc.SameTitleAs}, nil
	case <-ctx.Done():
		return Summary{}, fmt.Errorf("document %q: %w", doc.ID, ctx.Err())
	}
}

func (p *Pipeline) send(j *job, wait bool) error {
	p.senders.RLock()
	defer p.senders.RUnlock()
	if p.closed {
		return ErrClosed
	}
	if !wait {
		select {
		case p.intake <- j:
			return nil
		default:
			p.split.refused.Add(1)
			return ErrFull
		}
	}
	select {
	case p.intake <- j:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

// Document returns what is stored under an id; false if there is nothing.
func (p *Pipeline) Document(ctx context.Context, id string) (store.Record, bool, error) {
	return p.cfg.Store.Get(ctx, id)
}

// Close takes no more documents, finishes those that were accepted, waits for
// every goroutine it started, and closes the store. Calling it again returns
// the same.
func (p *Pipeline) Close() error {
	p.once.Do(func() {
		p.senders.Lock()
		p.closed = true
		close(p.intake)
		p.senders.Unlock()

		err := p.group.Wait()
		if c, ok := p.cfg.Embedder.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
		p.closing = errors.Join(err, p.cfg.Store.Close())
	})
	return p.closing
}
