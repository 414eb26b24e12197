package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// serve runs a server on loopback for as long as the service runs, for what a
// variant talks to, and returns its address. It belongs to the same process:
// its goroutines and its memory are counted with the service's.
func (a *assembly) serve(handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for what the service talks to: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	a.atClose(func() error {
		_ = listener.Close() // Serve has closed it, unless the service was never started
		return nil
	})
	a.inBackground(func(ctx context.Context) error {
		// Connections of a leaky client are never idle: Shutdown would wait for them.
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve what the service talks to: %w", err)
		}
		return nil
	})
	return "http://" + listener.Addr().String(), nil
}
