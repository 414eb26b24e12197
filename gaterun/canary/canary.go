// Package canary is a small HTTP service with a leak of known size: the gate
// runs it in a child process before a scenario, under the scenario's own load,
// and must see it. What is healthy about it is as in most services: garbage
// for every request, a pool, and a cache that is full before the load begins.
package canary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/heapdrift/heapdrift/lab"
)

// Verb is the hidden verb by which heapdrift serves the canary:
// `canary-serve --keep BYTES`.
const Verb = "canary-serve"

// Service answers every request with a checksum of garbage that it made for
// it, and keeps a known number of bytes of each.
type Service struct {
	keeper *lab.Keeper
	pool   sync.Pool

	mu    sync.Mutex
	cache [cached][]byte // healthy: full from the start, entries are replaced
}

const (
	cached  = 512 // entries
	garbage = 24  // objects for a request
)

// New makes a service that keeps perOp bytes of each operation.
func New(perOp float64) (*Service, error) {
	keeper, err := lab.NewKeeper(perOp)
	if err != nil {
		return nil, fmt.Errorf("make the canary: %w", err)
	}
	s := &Service{keeper: keeper}
	s.pool.New = func() any { return new([4096]byte) }
	for i := range s.cache {
		s.cache[i] = make([]byte, 64+i%64*16)
	}
	return s, nil
}

// ServeHTTP does the work of one operation.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 16<<20)) // a longer body is not needed
	buf := s.pool.Get().(*[4096]byte)
	defer s.pool.Put(buf)

	n := s.keeper.Keep()
	sum := n
	parts := make([][]byte, 0, garbage)
	for i := range uint64(garbage) {
		part := make([]byte, 32<<(i%5))
		for j := range part {
			part[j] = byte(n + i + uint64(j))
		}
		parts = append(parts, part)
		sum += uint64(part[len(part)-1])
	}
	s.mu.Lock()
	at := n % cached
	s.cache[at] = make([]byte, 64+at%64*16) // of the same size as before
	s.mu.Unlock()
	out := strconv.AppendUint(buf[:0], sum+uint64(len(parts)), 10)
	if _, err := w.Write(out); err != nil {
		return // the client is gone
	}
}

// Config says how a canary is served.
type Config struct {
	PerOp float64
	Ready io.Writer // gets one line of JSON, a lab.Ready
	Stdin io.Reader // its end is the sign to stop; nil is not watched
}

// Serve serves a canary and its pprof on free ports of 127.0.0.1, until ctx
// ends, SIGTERM comes or Stdin ends. It is made to be the only thing that its
// process does.
func Serve(ctx context.Context, cfg Config) error {
	s, err := New(cfg.PerOp)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the canary: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	base := "http://" + l.Addr().String()
	line, err := json.Marshal(lab.Ready{URL: base + "/op", Pprof: base + "/debug/pprof", PID: os.Getpid()})
	if err == nil && cfg.Ready != nil {
		_, err = cfg.Ready.Write(append(line, '\n'))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("announce the canary: %w", err), l.Close())
	}
	ended := make(chan struct{})
	if cfg.Stdin != nil {
		go func() { // ends with stdin or the process: a read cannot be called back
			defer close(ended)
			_, _ = io.Copy(io.Discard, cfg.Stdin) // an error is an end as well
		}()
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the canary: %w", err)
	case <-ended:
	case <-ctx.Done():
	case <-s.keeper.Full():
		err = fmt.Errorf("the canary has kept %d MiB and ends here: its load is larger than it is made for", lab.MaxKept>>20)
	}
	_ = server.Close() // nothing that it does is worth waiting for
	<-served
	return err
}
