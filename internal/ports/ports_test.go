package ports

import (
	"net"
	"testing"
)

func TestNobodyListensAndEachIsAnother(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		addr := Free(t)
		if seen[addr] {
			t.Fatalf("%s was given out before", addr)
		}
		seen[addr] = true
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}

func TestATakenPortIsPassedOver(t *testing.T) {
	l, err := net.Listen("tcp", Free(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	next.Store(uint32(l.Addr().(*net.TCPAddr).Port-first) - 1)
	if got := Free(t); got == l.Addr().String() {
		t.Errorf("%s is given out, where somebody listens", got)
	}
}
