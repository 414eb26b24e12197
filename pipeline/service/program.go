package service

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/feed"
	"github.com/heapdrift/heapdrift/pipeline/publish"
	"github.com/heapdrift/heapdrift/pipeline/source"
	"github.com/heapdrift/heapdrift/pipeline/store"
)

// ProgramConfig is what the processor is started with.
type ProgramConfig struct {
	Addr  string // of the API
	Pprof string // of /debug/pprof
	Data  string // folder of the store

	Corpus   string   // folder of files to take in; may be empty
	Feeds    []string // addresses of RSS and Atom feeds
	News     string   // address of a news API; may be empty
	Embedder string   // address of a server of embeddings; empty: the built-in
	Publish  string   // address that gets what is stored; empty: nowhere

	EmbedderModel string // that the server is asked for; may be empty
	EmbedderKey   string // bearer token for it; may be empty
	MaxBody       int64  // of a request, in bytes; 0 means DefaultMaxBody

	Schedule source.Schedule // of the sources; the zero value means source.DefaultSchedule
	Log      *log.Logger     // a line where something happens that an operator wants to know
}

// remoteEmbedders is how many documents wait for a server of embeddings at a
// time: it is the network's time, not the processor's.
const remoteEmbedders = 16

// program is what runs.
type program struct {
	cfg      ProgramConfig
	metrics  *programMetrics
	pipeline *pipeline.Pipeline
	service  *Service
	client   *source.Client
	sources  []source.Source
	outlet   *publish.Publisher // nil: nothing is published
	close    []func() error     // in the order of their making
}

// Run is the processor: it serves until ctx ends, then finishes what it has
// accepted and closes the store. Every commit is synced to the disk.
func Run(ctx context.Context, cfg ProgramConfig) (err error) {
	p := &program{cfg: cfg, metrics: newProgramMetrics()}
	defer func() {
		for i := len(p.close) - 1; i >= 0; i-- {
			err = errors.Join(err, p.close[i]())
		}
	}()
	if err := p.openSources(); err != nil {
		return err
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
	if err := p.openPipeline(); err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.service.Serve(ctx, api, debug) })
	if p.outlet != nil {
		group.Go(func() error { return p.outlet.Run(ctx) })
	}
	schedule := cfg.Schedule
	if schedule == (source.Schedule{}) {
		schedule = source.DefaultSchedule()
	}
	for _, s := range p.sources {
		group.Go(func() error { return source.Run(ctx, s, p.pipeline, schedule, p) })
	}
	cfg.Log.Printf("serving documents on http://%s, pprof on http://%s/debug/pprof/", api.Addr(), debug.Addr())
	return group.Wait()
}

func (p *program) openSources() error {
	client, err := source.NewClient(source.DefaultLimits())
	if err != nil {
		return err
	}
	p.client = client
	p.close = append(p.close, func() error { client.Close(); return nil })
	if p.cfg.Corpus != "" {
		folder, err := source.NewFolder(p.cfg.Corpus, func(err error) {
			p.metrics.failed("folder", err)
			p.cfg.Log.Printf("corpus: a file was passed over: %v", err)
		})
		if err != nil {
			return err
		}
		p.sources = append(p.sources, folder)
	}
	for _, address := range p.cfg.Feeds {
		p.sources = append(p.sources, source.NewFeed(client, address))
	}
	if p.cfg.News != "" {
		news, err := source.NewNews(client, p.cfg.News)
		if err != nil {
			return err
		}
		p.sources = append(p.sources, news)
	}
	return nil
}

// openPipeline opens the store and starts the pipeline and the service on it.
func (p *program) openPipeline() error {
	documents, err := store.Open(store.Options{Dir: p.cfg.Data, Outbox: p.cfg.Publish != ""})
	if err != nil {
		return err
	}
	cfg := pipeline.DefaultConfig(documents)
	if err := p.configure(&cfg, documents); err != nil {
		return errors.Join(err, documents.Close())
	}
	if p.pipeline, err = pipeline.New(cfg); err != nil {
		return errors.Join(err, documents.Close())
	}
	p.close = append(p.close, p.pipeline.Close) // which closes the store
	p.service, err = New(Config{
		Pipeline: p.pipeline, Reader: feed.JSON{}, MaxBody: p.cfg.MaxBody,
		Collectors: p.metrics.collectors(p.outlet),
	})
	return err
}

// configure exchanges what the operator wants from outside.
func (p *program) configure(cfg *pipeline.Config, documents *store.Store) error {
	if p.cfg.Embedder != "" {
		remote, err := embed.NewRemote(embed.RemoteConfig{URL: p.cfg.Embedder, Model: p.cfg.EmbedderModel, Key: p.cfg.EmbedderKey})
		if err != nil {
			return err
		}
		cfg.Embedder, cfg.Embedders = remote, remoteEmbedders // the pipeline closes it
	}
	if p.cfg.Publish != "" {
		to := publish.DefaultConfig(p.cfg.Publish)
		to.Failed = func(id string, err error) { p.cfg.Log.Printf("publish: document %q: %v", id, err) }
		outlet, err := publish.New(to, documents)
		if err != nil {
			return err
		}
		p.outlet, cfg.Gate = outlet, outlet
	}
	return nil
}

// Polled notes what a source has brought.
func (p *program) Polled(o source.Outcome) {
	p.metrics.polled(o)
	switch {
	case o.Err != nil:
		p.cfg.Log.Printf("%s: %v", o.Source.Name(), o.Err)
	case o.New+o.Failed > 0:
		p.cfg.Log.Printf("%s: %d documents stored, %d known, %d failed", o.Source.Name(), o.New, o.Known, o.Failed)
	}
}

// Failed notes a document that could not be processed.
func (p *program) Failed(s source.Source, doc pipeline.Document, err error) {
	p.metrics.failed(s.Kind(), err)
	p.cfg.Log.Printf("%s: document %q was passed over: %v", s.Name(), doc.ID, err)
}
