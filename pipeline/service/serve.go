package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"golang.org/x/sync/errgroup"
)

// requestTimeout is how long a request may take to come and to be answered,
// counted anew with every megabyte of a large one.
const requestTimeout = time.Minute

// PprofHandler serves /debug/pprof/ and nothing else.
func PprofHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// Serve answers on both listeners until ctx ends, then takes no new
// connection, lets the requests under way finish, and returns nil. Requests
// that outlast the grace period are cut off, which is an error. Both listeners
// are closed when it returns.
func (s *Service) Serve(ctx context.Context, api, debug net.Listener) error {
	servers := []*http.Server{
		{
			Handler:           s.Handler(),
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       requestTimeout,
			WriteTimeout:      requestTimeout,
			IdleTimeout:       2 * time.Minute,
		},
		// No write timeout: a CPU profile or a trace takes as long as was asked.
		{Handler: PprofHandler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute},
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, listener := range []net.Listener{api, debug} {
		server := servers[i]
		group.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", listener.Addr(), err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			return s.stop(server, listener.Addr())
		})
	}
	return group.Wait()
}

func (s *Service) stop(server *http.Server, addr net.Addr) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // its connections are cut either way
		return fmt.Errorf("stop serving %s: requests were still under way after %s: %w", addr, s.cfg.Grace, err)
	}
	return nil
}
