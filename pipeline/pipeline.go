package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
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

	split, extract, embed, put stage
}

// job is a document on its way, or a part of one. One stage at a time holds it.
type job struct {
	ctx   context.Context // the caller's: when it ends nobody waits any more
	doc   Document        // without its text, in a part
	piece string          // of the document's text, as it came
	bytes int             // of piece, once that is let go

	reading *text.Reading // of the document; the split stage alone touches it
	read    chan struct{} // of a part: gets a value when the reading has gone on
	draft   uint64        // of a part; 0 for a document in one piece
	seq     int
	last    bool
	total   store.Total // of the parts before
	print   uint64      // the document's fingerprint; the last part's only

	part     text.Part
	entities []entity.Entity
	vectors  []embed.Vector
	done     chan error // holds one, so that no stage ever waits for the caller
}

// New starts the stages. The caller must Close the pipeline, which closes the
// store as well; after an error the store is still the caller's.
func New(cfg Config) (*Pipeline, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start pipeline: %w", err)
	}
	p := &Pipeline{cfg: cfg, intake: make(chan *job, cfg.Queue)}
	toExtract := make(chan *job, cfg.Queue)
	toEmbed := make(chan *job, cfg.Queue)
	toStore := make(chan *job, cfg.Queue)
	p.split = stage{name: "split", queue: p.intake}
	p.extract = stage{name: "extract", queue: toExtract}
	p.embed = stage{name: "embed", queue: toEmbed}
	p.put = stage{name: "store", queue: toStore}

	p.start(&p.split, toExtract, cfg.Workers, p.splitOne)
	p.start(&p.extract, toEmbed, cfg.Workers, p.extractOne)
	p.start(&p.embed, toStore, cfg.Embedders, p.embedOne)
	p.group.Go(p.storeAll)
	return p, nil
}

// Process takes a document through the pipeline and returns when it is stored:
// Ingest without the summary, in the form that a load generator drives.
func (p *Pipeline) Process(ctx context.Context, doc Document) error {
	_, err := p.Ingest(ctx, doc)
	return err
}

// Ingest takes one document through the pipeline and returns when it is
// stored, or when it is not going to be. It waits for room in the intake
// queue. When ctx ends first the document may or may not be stored; sending it
// again is safe.
func (p *Pipeline) Ingest(ctx context.Context, doc Document) (Summary, error) {
	return p.process(ctx, doc, true)
}

// Offer is Ingest for a caller that can say "try again later": with no room
// in the intake queue it returns ErrFull at once.
func (p *Pipeline) Offer(ctx context.Context, doc Document) (Summary, error) {
	return p.process(ctx, doc, false)
}

func (p *Pipeline) process(ctx context.Context, doc Document, wait bool) (Summary, error) {
	if err := doc.Validate(); err != nil {
		return Summary{}, err
	}
	if p.cfg.Gate != nil {
		if err := p.cfg.Gate.Enter(ctx, wait); err != nil {
			if errors.Is(err, ErrFull) {
				p.split.refused.Add(1)
			}
			return Summary{}, fmt.Errorf("document %q: %w", doc.ID, err)
		}
	}
	var total store.Total
	var err error
	if doc.Rest != nil || len(doc.Text) > p.cfg.PartBytes {
		total, err = p.stream(ctx, &doc, wait)
	} else {
		total, err = p.whole(ctx, doc, wait)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("document %q: %w", doc.ID, err)
	}
	return Summary{ID: doc.ID, Chunks: total.Chunks, Entities: total.Entities, SameTitleAs: doc.SameTitleAs}, nil
}

// whole takes a document through the stages in one piece.
func (p *Pipeline) whole(ctx context.Context, doc Document, wait bool) (store.Total, error) {
	j := &job{
		ctx: ctx, doc: doc, piece: doc.Text, reading: &text.Reading{}, last: true,
		print: doc.Fingerprint(), done: make(chan error, 1),
	}
	if err := p.send(j, wait); err != nil {
		return store.Total{}, err
	}
	select {
	case err := <-j.done:
		return j.counts(), err
	case <-ctx.Done():
		return store.Total{}, ctx.Err()
	}
}

// counts is what a job that is done has brought.
func (j *job) counts() store.Total {
	return store.Total{Chunks: len(j.part.Chunks), Entities: len(j.entities)}
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

// Document returns what is stored under an id, all of it in memory; false if
// there is nothing.
func (p *Pipeline) Document(ctx context.Context, id string) (store.Record, bool, error) {
	return p.cfg.Store.Get(ctx, id)
}

// Head returns what is stored under an id but for its content.
func (p *Pipeline) Head(ctx context.Context, id string) (store.Head, bool, error) {
	return p.cfg.Store.Head(ctx, id)
}

// Parts calls use with what is stored under an id, a part at a time.
func (p *Pipeline) Parts(ctx context.Context, id string, use func(store.Record) error) error {
	return p.cfg.Store.Parts(ctx, id, use)
}

// Known reports whether the very same document is stored already. Of a
// document with a Rest it says no.
func (p *Pipeline) Known(ctx context.Context, doc Document) (bool, error) {
	if doc.Rest != nil {
		return false, nil
	}
	head, found, err := p.cfg.Store.Head(ctx, doc.ID)
	return found && head.Fingerprint == doc.Fingerprint(), err
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
