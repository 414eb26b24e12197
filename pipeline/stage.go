package pipeline

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline/store"
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
	latency   histogram // of the work on one document or part
}

// start runs the workers of one stage: they take jobs from the stage's queue
// until it is closed, and close next when the last of them is done.
func (p *Pipeline) start(s *stage, next chan<- *job, n int, work func(*job) error) {
	var workers errgroup.Group
	for range n {
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
	s.latency.observe(time.Since(begin))
	s.busy.Add(-1)
	if err != nil {
		s.errors.Add(1)
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.count(j)
	return nil
}

// count adds what a stage has done with a job. A document in parts counts when
// its last part does.
func (s *stage) count(j *job) {
	if j.last {
		s.documents.Add(1)
	}
	s.bytes.Add(int64(j.bytes))
	s.chunks.Add(int64(len(j.part.Chunks)))
}

func (p *Pipeline) splitOne(j *job) error {
	part, err := j.reading.Next(j.ctx, p.cfg.Splitter, j.piece, j.last)
	j.part, j.bytes = part, len(j.piece)
	// The chunks are views of what is needed; the text as it came is not.
	j.piece, j.doc.Text = "", ""
	if j.read != nil {
		j.read <- struct{}{} // holds one
	}
	return err
}

func (p *Pipeline) extractOne(j *job) error {
	entities, err := p.cfg.Extractor.Extract(j.ctx, j.part)
	j.entities = entities
	return err
}

func (p *Pipeline) embedOne(j *job) error {
	if len(j.part.Chunks) == 0 && j.draft != 0 {
		return nil // a part with the end of a text that was blank
	}
	vectors, err := p.cfg.Embedder.Embed(j.ctx, j.part.Chunks)
	if err != nil {
		return err
	}
	if len(vectors) != len(j.part.Chunks) {
		return fmt.Errorf("the embedder made %d vectors of %d chunks", len(vectors), len(j.part.Chunks))
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

// batchChunks bounds the vectors of one commit: 4 MiB before they are encoded.
const batchChunks = 512

// gather adds what waits in the queue, up to a batch.
func (p *Pipeline) gather(batch []*job) []*job {
	chunks := len(batch[0].part.Chunks)
	for len(batch) < p.cfg.Batch && chunks < batchChunks {
		select {
		case j, ok := <-p.put.queue:
			if !ok {
				return batch
			}
			batch = append(batch, j)
			chunks += len(j.part.Chunks)
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
	var err error
	if len(records) > 0 {
		err = p.cfg.Store.Put(context.Background(), records)
	}
	s.latency.observe(time.Since(begin))
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
		ID:       j.doc.ID,
		Chunks:   make([]store.ChunkRecord, len(j.part.Chunks)),
		Entities: j.entities,
		Draft:    j.draft, Seq: j.seq, Last: j.last && j.draft != 0,
	}
	for i, c := range j.part.Chunks {
		r.Chunks[i] = store.ChunkRecord{Start: c.Start, End: c.End, Vector: j.vectors[i]}
	}
	if j.last {
		r.Source, r.Title, r.Fingerprint = j.doc.Source, j.doc.Title, j.print
		own := j.counts()
		r.Total = store.Total{Chunks: j.total.Chunks + own.Chunks, Entities: j.total.Entities + own.Entities}
	}
	return r
}
