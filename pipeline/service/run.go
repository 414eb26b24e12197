package service

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/feed"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// ProgramConfig is what the processor is started with.
type ProgramConfig struct {
	Addr   string      // of the API
	Pprof  string      // of /debug/pprof
	Data   string      // folder of the store
	Corpus string      // folder of text files to take in at the start; may be empty
	Log    *log.Logger // a line where something happens that an operator wants to know
}

// Run is the processor: it serves until ctx ends, then finishes what it has
// accepted and closes the store. Every commit is synced to the disk.
func Run(ctx context.Context, cfg ProgramConfig) (err error) {
	var folder *corpus.Folder
	if cfg.Corpus != "" {
		if folder, err = corpus.OpenFolder(cfg.Corpus); err != nil {
			return err
		}
	}
	api, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	defer api.Close() // again, after Serve: for the returns before it
	debug, err := net.Listen("tcp", cfg.Pprof)
	if err != nil {
		return fmt.Errorf("listen for pprof: %w", err)
	}
	defer debug.Close()

	documents, err := store.Open(store.Options{Dir: cfg.Data})
	if err != nil {
		return err
	}
	p, err := pipeline.New(pipeline.DefaultConfig(documents))
	if err != nil {
		return errors.Join(err, documents.Close())
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	s, err := New(Config{Pipeline: p, Reader: feed.JSON{}})
	if err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Serve(ctx, api, debug) })
	if folder != nil {
		group.Go(func() error { return ingestFolder(ctx, cfg.Log, p, folder) })
	}
	cfg.Log.Printf("serving documents on http://%s, pprof on http://%s/debug/pprof/", api.Addr(), debug.Addr())
	return group.Wait()
}

// ingestFolder takes in every file of the folder, several at a time so that
// they share commits. A file that cannot be read is logged and passed over.
func ingestFolder(ctx context.Context, log *log.Logger, p *pipeline.Pipeline, folder *corpus.Folder) error {
	const together = 32
	var group errgroup.Group
	group.SetLimit(together)
	for i := range folder.Len() {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			doc, err := folder.File(i)
			if err == nil {
				_, err = p.Process(ctx, doc)
			}
			if err != nil && ctx.Err() == nil {
				log.Printf("corpus: a file was passed over: %v", err)
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil && ctx.Err() == nil {
		log.Printf("corpus: %d files read, %d passed over for their size", folder.Len(), folder.Skipped)
	}
	return err
}
