package pipeline

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline/store"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// stage counts what one stage does.
type stage struct {
	name  string
	queue <-chan *job

	documents atomic.Int64
	bytes     atomic.Int64
	chunks    atomic.Int64
	errors    atomic.Int64
	refused   atomic.Int64
	busy      atomic.Int64
	nanos     atomic.Int64
}

// start runs the workers of one stage: they take jobs from the stage's queue
// until it is closed, and close next when the last of them is done.
func (p *Pipeline) start(s *stage, next chan<- *job, work func(*job) error) {
	var workers errgroup.Group
	for range p.cfg.Workers {
		workers.Go(func() error {
			for j := range s.queue {
				if err := s.do(j, work); err != nil {
					j.done <- err
					continue
				}
				select {
				case next <- j:
				case <-j.ctx.Done():
					j.done <- j.ctx.Err()
				}
			}
			return nil
		})
	}
	p.group.Go(func() error {
		defer close(next)
		return workers.Wait()
	})
}

// do works on one job and counts it.
func (s *stage) do(j *job, work func(*job) error) error {
	if err := j.ctx.Err(); err != nil {
		return err // nobody waits for it any more
	}
	s.busy.Add(1)
	begin := time.Now()
	err := work(j)
	s.nanos.Add(int64(time.Since(begin)))
	s.busy.Add(-1)
	if err != nil {
		s.errors.Add(1)
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.count(j)
	return nil
}

func (s *stage) count(j *job) {
	s.documents.Add(1)
	s.bytes.Add(int64(len(j.doc.Text)))
	s.chunks.Add(int64(len(j.chunks)))
}

func (p *Pipeline) splitOne(j *job) error {
	j.text = text.Normalize(j.doc.Text)
	chunks, err := p.cfg.Splitter.Split(j.ctx, j.text)
	j.chunks = chunks
	return err
}

func (p *Pipeline) embedOne(j *job) error {
	vectors, err := p.cfg.Embedder.Embed(j.ctx, j.chunks)
	if err != nil {
		return err
	}
	if len(vectors) != len(j.chunks) {
		return fmt.Errorf("the embedder made %d vectors of %d chunks", len(vectors), len(j.chunks))
	}
	j.vectors = vectors
	return nil
}

// storeAll is the last stage, with a single worker. While a commit is under
// way the next documents gather in the queue; all that are there, up to a
// batch, share the next one. So a commit costs nobody a wait when there is
// little to do, and is shared by many when there is much.
func (p *Pipeline) storeAll() error {
	batch := make([]*job, 0, p.cfg.Batch)
	for first := range p.put.queue {
		batch = p.gather(append(batch, first))
		p.storeBatch(batch)
		// What was handled must not be held until the next document comes.
		clear(batch)
		batch = batch[:0]
	}
	return nil
}

// gather adds what waits in the queue, up to a batch.
func (p *Pipeline) gather(batch []*job) []*job {
	for len(batch) < p.cfg.Batch {
		select {
		case j, ok := <-p.put.queue:
			if !ok {
				return batch
			}
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// storeBatch stores in one commit what someone still waits for, and answers
// every job of the batch.
func (p *Pipeline) storeBatch(batch []*job) {
	s := &p.put
	s.busy.Add(int64(len(batch)))
	begin := time.Now()
	records := make([]store.Record, 0, len(batch))
	for i, j := range batch {
		if err := j.ctx.Err(); err != nil {
			j.done <- err // nobody waits for it any more
			batch[i] = nil
			continue
		}
		records = append(records, j.record())
	}
	// The commit belongs to several callers: none of them may call it off.
	err := p.cfg.Store.Put(context.Background(), records)
	s.nanos.Add(int64(time.Since(begin)))
	s.busy.Add(-int64(len(batch)))

	for _, j := range batch {
		switch {
		case j == nil:
		case err != nil:
			s.errors.Add(1)
			j.done <- fmt.Errorf("%s: %w", s.name, err)
		default:
			s.count(j)
			j.done <- nil
		}
	}
}

func (j *job) record() store.Record {
	r := store.Record{
		ID:     j.doc.ID,
		Source: j.doc.Source,
		Title:  j.doc.Title,
		Chunks: make([]store.ChunkRecord, len(j.chunks)),
	}
	for i, c := range j.chunks {
		r.Chunks[i] = store.ChunkRecord{Start: c.Start, End: c.End, Vector: j.vectors[i]}
	}
	return r
}
