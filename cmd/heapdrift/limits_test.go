package main

import (
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/harness"
)

func TestParseEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want ends
		err  string
	}{
		{in: "leak", want: ends{leak: true}},
		{in: "error-rate", want: ends{limit: harness.Abort{ErrorRate: 0.1}}},
		{in: "error-rate=5%", want: ends{limit: harness.Abort{ErrorRate: 0.05}}},
		{in: "error-rate=0.25", want: ends{limit: harness.Abort{ErrorRate: 0.25}}},
		{in: "p99=250ms", want: ends{limit: harness.Abort{P99: 250 * time.Millisecond}}},
		{in: "leak, error-rate=100%,p99=1s", want: ends{leak: true, limit: harness.Abort{ErrorRate: 1, P99: time.Second}}},
		{in: "", err: "want leak"},
		{in: "leaks", err: "want leak"},
		{in: "leak=1", err: "takes no value"},
		{in: "error-rate=0", err: "want a share"},
		{in: "error-rate=101%", err: "want a share"},
		{in: "error-rate=NaN", err: "want a share"},
		{in: "p99", err: "want a length of time"},
		{in: "p99=-1s", err: "want a length of time"},
	} {
		got, err := parseEnds(c.in)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: got %v, %v; want an error with %q", c.in, got, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q: got %+v, %v; want %+v", c.in, got, err, c.want)
		}
		if again, err := parseEnds(got.String()); err != nil || again != got {
			t.Errorf("%q is shown as %q, which reads as %+v, %v", c.in, got.String(), again, err)
		}
	}
}
