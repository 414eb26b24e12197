package lab

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
	"github.com/heapdrift/heapdrift/pipeline/service"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// assembly is a service before it is started; a variant exchanges one part.
type assembly struct {
	// ctx lasts as long as the service: it ends when the pipeline is closed.
	ctx context.Context

	reader     service.Reader  // of what a request brings
	pipeline   pipeline.Config // its Store may be wrapped; whoever wraps it closes what is inside
	collectors []prometheus.Collector
	ledger     *ledger

	background []func(context.Context) error
	closers    []func() error
}

// inBackground has work run for as long as the service does. It must return
// soon after its context ends, which is when the pipeline is closed and every
// stage has returned; what it returns then is the error of a stop.
func (a *assembly) inBackground(work func(ctx context.Context) error) {
	a.background = append(a.background, work)
}

// atClose has something closed after the pipeline and the work in the
// background: last in, first out.
func (a *assembly) atClose(closer func() error) { a.closers = append(a.closers, closer) }

// ledger is where audits are counted.
type ledger struct{ vectors atomic.Int64 }

func (l *ledger) add(vectors int) { l.vectors.Add(int64(vectors)) }

// running is the service of one variant. Close it.
type running struct {
	pipeline   *pipeline.Pipeline
	reader     service.Reader
	collectors []prometheus.Collector

	stop       context.CancelFunc
	background errgroup.Group
	closers    []func() error
}

// assemble starts the pipeline of one variant, with its store in dir.
func (s Scenario) assemble(v Variant, dir string) (_ *running, err error) {
	swap, ok := s.swap[v]
	if !ok {
		return nil, fmt.Errorf("scenario %s has no %s variant: it is a control", s.Name, v)
	}
	// An fsync for every commit would make a load test one of the disk. What a
	// power cut would do to the store is no concern of the lab's.
	documents, err := store.Open(store.Options{Dir: dir, NoSync: true})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	a := &assembly{ctx: ctx, reader: feed.JSON{}, pipeline: pipeline.DefaultConfig(documents), ledger: &ledger{}}
	r := &running{stop: stop}
	if err = swap(a); err == nil {
		r.pipeline, err = pipeline.New(a.pipeline)
	}
	r.reader, r.collectors, r.closers = a.reader, a.collectors, a.closers
	if err != nil {
		return nil, errors.Join(err, documents.Close(), r.Close())
	}
	for _, work := range a.background {
		r.background.Go(func() error { return work(ctx) })
	}
	return r, nil
}

// Close finishes what the pipeline has accepted and ends everything else.
func (r *running) Close() error {
	var errs []error
	if r.pipeline != nil {
		errs = append(errs, r.pipeline.Close())
	}
	r.stop()
	if err := r.background.Wait(); !errors.Is(err, context.Canceled) {
		errs = append(errs, err)
	}
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	return errors.Join(errs...)
}
