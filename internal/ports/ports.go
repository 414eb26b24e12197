// Package ports finds ports for tests that must know an address before anybody
// listens there, or while nobody does.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// The ports are below those that systems give out by themselves (Linux: from
// 32768 on): a port that was asked for as any, and given back, may be another's
// the next moment, as that of a connection, of which tests make thousands.
const (
	first = 20000
	count = 12000
)

// next begins anywhere, so that test binaries that run side by side keep out of
// each other's way.
var next atomic.Uint32

func init() { next.Store(rand.Uint32N(count)) }

// Free returns an address of this machine at which nobody listens, each time
// another one.
func Free(t testing.TB) string {
	t.Helper()
	for range count {
		addr := fmt.Sprintf("127.0.0.1:%d", first+next.Add(1)%count)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	t.Fatal("no port is free")
	return ""
}
