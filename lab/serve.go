package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/metrics"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline/service"
)

// DefaultMaxHeap is the live heap at which a child ends by itself.
const DefaultMaxHeap = 512 << 20

// ServeConfig says which variant to serve, and how.
type ServeConfig struct {
	Scenario  string
	Variant   string    // "leaky" or "fixed"
	Addr      string    // of the API; empty means a free port of 127.0.0.1
	PprofAddr string    // of /debug/pprof; likewise
	DataDir   string    // folder of the store
	Ready     io.Writer // gets one line of JSON, a Ready, once both ports listen
	// Stdin is read to its end, which is the sign to stop: it comes when
	// whoever started the child is gone, however it went. Nil is not watched.
	Stdin io.Reader
	// MaxHeap is the live heap, in bytes, at which the child ends with an
	// error; 0 means DefaultMaxHeap.
	MaxHeap int64
	// Keep is a leak of a known size beside what the variant itself leaks: bytes
	// of each operation.
	Keep float64
}

// Ready is what a child says once it listens.
type Ready struct {
	URL       string `json:"url"`        // takes the operations: POST
	Pprof     string `json:"pprof"`      // base of /debug/pprof
	Metrics   string `json:"metrics"`    // of Prometheus
	PID       int    `json:"pid"`        // the child's
	MemoryCap int64  `json:"memory_cap"` // live heap in bytes at which it ends
}

// errStdin ends a child whose standard input was closed.
var errStdin = errors.New("standard input was closed")

// Serve runs the whole pipeline service of one variant until ctx ends, SIGTERM
// comes or Stdin ends, and then returns nil; or until the live heap passes its
// cap, which is an error. What was accepted is stored before it returns.
//
// It is made to be the only thing that its process does: what it leaks stays.
func Serve(ctx context.Context, cfg ServeConfig) (err error) {
	variant, err := ParseVariant(cfg.Variant)
	if err != nil {
		return err
	}
	scenario, err := Find(cfg.Scenario)
	if err != nil {
		return err
	}
	if cfg.MaxHeap == 0 {
		cfg.MaxHeap = DefaultMaxHeap
	}
	api, debug, err := listen(cfg)
	if err != nil {
		return err
	}
	defer api.Close() // again, after the service: for the returns before it
	defer debug.Close()

	r, err := scenario.assemble(variant, cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if cfg.Keep != 0 {
		keeper, err := NewKeeper(cfg.Keep)
		if err != nil {
			return err
		}
		r.reader = keepingReader{r.reader, keeper}
	}
	s, err := service.New(service.Config{Pipeline: r.pipeline, Reader: r.reader, Collectors: r.collectors})
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Serve(ctx, api, debug) })
	group.Go(func() error { return guardHeap(ctx, cfg.MaxHeap) })
	if cfg.Stdin != nil {
		group.Go(func() error { return waitStdin(ctx, cfg.Stdin) })
	}
	if err := announce(cfg, api, debug); err != nil {
		stop()
		return errors.Join(err, group.Wait())
	}
	if err := group.Wait(); !errors.Is(err, errStdin) {
		return err
	}
	return nil
}

func listen(cfg ServeConfig) (api, debug net.Listener, err error) {
	const free = "127.0.0.1:0"
	if cfg.Addr == "" {
		cfg.Addr = free
	}
	if cfg.PprofAddr == "" {
		cfg.PprofAddr = free
	}
	if api, err = net.Listen("tcp", cfg.Addr); err != nil {
		return nil, nil, fmt.Errorf("listen for the API: %w", err)
	}
	if debug, err = net.Listen("tcp", cfg.PprofAddr); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listen for pprof: %w", err), api.Close())
	}
	return api, debug, nil
}

func announce(cfg ServeConfig, api, debug net.Listener) error {
	if cfg.Ready == nil {
		return nil
	}
	line, err := json.Marshal(Ready{
		URL:       "http://" + api.Addr().String() + "/ingest",
		Pprof:     "http://" + debug.Addr().String() + "/debug/pprof",
		Metrics:   "http://" + api.Addr().String() + "/metrics",
		PID:       os.Getpid(),
		MemoryCap: cfg.MaxHeap,
	})
	if err != nil {
		return fmt.Errorf("announce the child: %w", err)
	}
	if _, err := cfg.Ready.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("announce the child: %w", err)
	}
	return nil
}

// waitStdin returns errStdin when stdin ends, nil when ctx does. A read that
// is under way then cannot be called back: its goroutine is left to it, and
// ends with the process or with stdin.
func waitStdin(ctx context.Context, stdin io.Reader) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, stdin) // an error is an end as well
	}()
	select {
	case <-ended:
		return errStdin
	case <-ctx.Done():
		return nil
	}
}

// guardHeap looks at the live heap, as the last garbage collection found it,
// until ctx ends. Reading it neither stops the world nor allocates.
func guardHeap(ctx context.Context, limit int64) error {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			metrics.Read(sample)
			if live := sample[0].Value.Uint64(); live > uint64(limit) {
				return fmt.Errorf("the live heap has reached %d MiB, over the child's memory cap of %d MiB: it ends here, as it would otherwise take the machine's memory",
					live>>20, limit>>20)
			}
		}
	}
}
