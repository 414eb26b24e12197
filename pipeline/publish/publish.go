// Package publish hands stored documents on to a downstream over HTTP.
//
// What is to be published stands in the store's outbox, noted in the commit that
// stored the document, and is struck off when the downstream has taken it. So
// nothing is lost, whichever of the two dies when. A death between the two
// makes a document be sent again: with the same id and the same
// Idempotency-Key, by which the downstream knows it.
package publish

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/backoff"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// Outbox is where the documents are. A store.Store with an outbox is one.
type Outbox interface {
	Notes(ctx context.Context, after uint64, limit int) ([]store.Note, error)
	Strike(ctx context.Context, numbers []uint64) error
	Pending() int
	Noted() <-chan struct{}
	Head(ctx context.Context, id string) (store.Head, bool, error)
	Parts(ctx context.Context, id string, use func(store.Record) error) error
}

// Config says where to publish, and how much may wait. Begin with
// DefaultConfig.
type Config struct {
	URL     string         // gets a POST for each document
	Limit   int            // documents that may wait in the outbox before no more are taken in
	Workers int            // documents sent at a time
	Timeout time.Duration  // of one request
	Retry   backoff.Policy // of one document; after it the document waits for the next round
	Failed  func(id string, err error)
}

// DefaultConfig publishes to a URL, four documents at a time, with ten thousand
// waiting at most.
func DefaultConfig(address string) Config {
	return Config{
		URL: address, Limit: 10_000, Workers: 4, Timeout: 30 * time.Second,
		Retry: backoff.Default(), Failed: func(string, error) {},
	}
}

// Publisher works the outbox off. It is also the gate of a pipeline that must
// not take in more than the downstream takes off: see Enter.
type Publisher struct {
	cfg    Config
	outbox Outbox
	http   *http.Client
	stats  counters

	mu    sync.Mutex
	moved chan struct{} // closed and renewed when entries were struck off
}

type counters struct {
	published, bytes, refused, errors, inFlight atomic.Int64
}

// Stats is what a publisher has done and is doing.
type Stats struct {
	Published int64 // documents that the downstream took
	Bytes     int64 // sent with them
	Refused   int64 // documents that the downstream will never take; they are given up
	Errors    int64 // tries that failed
	InFlight  int64 // documents being sent
	Pending   int   // documents that wait
	Limit     int   // documents that may wait
}

// New makes a publisher; Run works.
func New(cfg Config, outbox Outbox) (*Publisher, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("publish: the address is none of a server; write http://host:port/path")
	}
	if cfg.Limit < 1 || cfg.Workers < 1 || cfg.Timeout <= 0 || cfg.Failed == nil {
		return nil, fmt.Errorf("publish to %s: %d waiting, %d workers, a time-out of %s: each must be above 0, and Failed set",
			u.Redacted(), cfg.Limit, cfg.Workers, cfg.Timeout)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = cfg.Workers
	return &Publisher{
		cfg: cfg, outbox: outbox, moved: make(chan struct{}),
		http: &http.Client{Transport: transport},
	}, nil
}

// Stats returns the counts so far.
func (p *Publisher) Stats() Stats {
	return Stats{
		Published: p.stats.published.Load(), Bytes: p.stats.bytes.Load(), Refused: p.stats.refused.Load(),
		Errors: p.stats.errors.Load(), InFlight: p.stats.inFlight.Load(),
		Pending: p.outbox.Pending(), Limit: p.cfg.Limit,
	}
}

// Enter is the gate: while as many documents wait as may, it returns
// pipeline.ErrFull, or waits if wait is set. The limit is one of back-pressure,
// not exact: what is in the pipeline when it is reached still comes.
func (p *Publisher) Enter(ctx context.Context, wait bool) error {
	for {
		p.mu.Lock()
		moved := p.moved
		p.mu.Unlock()
		if p.outbox.Pending() < p.cfg.Limit {
			return nil
		}
		if !wait {
			return fmt.Errorf("%d documents wait for the downstream: %w", p.outbox.Pending(), pipeline.ErrFull)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// round is how many entries are read from the outbox at a time.
const round = 64

// Run publishes what is in the outbox and what comes into it until ctx ends;
// then it returns nil. What is left stays in the outbox for the next time.
// Documents are sent in about the order in which they were stored; of one
// document's versions the last is sent last.
func (p *Publisher) Run(ctx context.Context) error {
	defer p.http.CloseIdleConnections()
	failures := 0
	for ctx.Err() == nil {
		done, failed, err := p.once(ctx)
		if err != nil {
			p.stats.errors.Add(1)
			p.cfg.Failed("", err)
			failed = true
		}
		switch {
		case failed:
			// The downstream is in trouble: not one after the other, but after
			// a pause.
			failures++
			_ = backoff.Sleep(ctx, p.cfg.Retry.Pause(failures, 0))
		case done == 0:
			failures = 0
			select {
			case <-p.outbox.Noted():
			case <-ctx.Done():
			}
		default:
			failures = 0
		}
	}
	return nil
}

// once sends what is at the front of the outbox and strikes off what was
// taken.
func (p *Publisher) once(ctx context.Context) (done int, failed bool, err error) {
	notes, err := p.outbox.Notes(ctx, 0, round)
	if err != nil || len(notes) == 0 {
		return 0, false, err
	}
	// Of several notes of one document the last is enough, and two of them
	// must not overtake each other.
	last := make(map[string]int, len(notes))
	for i, n := range notes {
		last[n.ID] = i
	}
	struck := make([]bool, len(notes))
	// The first that fails for good ends the round for the others as well.
	workers, sending := errgroup.WithContext(ctx)
	workers.SetLimit(p.cfg.Workers)
	for i, n := range notes {
		if last[n.ID] != i {
			continue
		}
		workers.Go(func() error {
			err := p.cfg.Retry.Do(sending, func(ctx context.Context) error { return p.send(ctx, n.ID) })
			var temporary *backoff.Temporary
			switch {
			case err == nil:
				p.stats.published.Add(1)
			case sending.Err() != nil:
				return nil // it stays in the outbox
			case errors.As(err, &temporary):
				p.cfg.Failed(n.ID, err)
				return err
			default: // it would be refused for ever
				p.stats.refused.Add(1)
				p.cfg.Failed(n.ID, fmt.Errorf("given up: %w", err))
			}
			struck[i] = true
			return nil
		})
	}
	failed = workers.Wait() != nil
	var numbers []uint64
	for _, n := range notes {
		if struck[last[n.ID]] {
			numbers = append(numbers, n.Number)
		}
	}
	// What was taken is struck off even when the program is about to stop: else
	// it would be sent again.
	if err := p.outbox.Strike(context.WithoutCancel(ctx), numbers); err != nil {
		return 0, true, err
	}
	if len(numbers) > 0 {
		p.mu.Lock()
		close(p.moved)
		p.moved = make(chan struct{})
		p.mu.Unlock()
	}
	return len(numbers), failed, nil
}

// send sends one document as it is stored now.
func (p *Publisher) send(ctx context.Context, id string) error {
	p.stats.inFlight.Add(1)
	defer p.stats.inFlight.Add(-1)
	sent, err := p.try(ctx, id)
	if err != nil {
		p.stats.errors.Add(1)
		return fmt.Errorf("publish document %q: %w", id, err)
	}
	p.stats.bytes.Add(sent)
	return nil
}

func (p *Publisher) try(ctx context.Context, id string) (int64, error) {
	head, found, err := p.outbox.Head(ctx, id)
	if err != nil || !found {
		return 0, err // what is not there any more need not be sent
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	// The document is written while it is sent: a large one is never whole in
	// memory.
	reader, writer := io.Pipe()
	counted := &counter{r: reader}
	var writing errgroup.Group
	writing.Go(func() error {
		out := bufio.NewWriter(writer)
		err := write(ctx, out, head, p.outbox)
		if err == nil {
			err = out.Flush()
		}
		return writer.CloseWithError(err)
	})
	err = p.post(ctx, head, counted)
	_ = reader.CloseWithError(errors.New("the request has ended"))
	_ = writing.Wait() // CloseWithError returns no error
	return counted.n.Load(), err
}

func (p *Publisher) post(ctx context.Context, head store.Head, body io.Reader) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.URL, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key(head))
	resp, err := p.http.Do(r)
	if err != nil {
		// Whatever it is — refused, reset, too slow — it may pass.
		return &backoff.Temporary{Err: err}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	return backoff.Status(resp, time.Now())
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}
