package lab

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/feed"
	"github.com/heapdrift/heapdrift/pipeline/service"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// assembly is a pipeline before it is started; a variant exchanges one part.
type assembly struct {
	reader   service.Reader
	pipeline pipeline.Config
	ledger   *ledger
}

// ledger is where audits are counted.
type ledger struct{ vectors atomic.Int64 }

func (l *ledger) add(vectors int) { l.vectors.Add(int64(vectors)) }

// assemble starts the pipeline of one variant, with its store in dir.
func (s Scenario) assemble(v Variant, dir string) (*pipeline.Pipeline, service.Reader, error) {
	swap, ok := s.swap[v]
	if !ok {
		return nil, nil, fmt.Errorf("scenario %s has no variant %q", s.Name, v)
	}
	// An fsync for every commit would make a load test one of the disk. What a
	// power cut would do to the store is no concern of the lab's.
	documents, err := store.Open(store.Options{Dir: dir, NoSync: true})
	if err != nil {
		return nil, nil, err
	}
	a := &assembly{reader: feed.JSON{}, pipeline: pipeline.DefaultConfig(documents), ledger: &ledger{}}
	swap(a)
	p, err := pipeline.New(a.pipeline)
	if err != nil {
		return nil, nil, errors.Join(err, documents.Close())
	}
	return p, a.reader, nil
}
