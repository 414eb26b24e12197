package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/progress"
	"github.com/heapdrift/heapdrift/lab"
	"github.com/heapdrift/heapdrift/session"
)

func TestTheBoardOfScenariosThatRunSideBySide(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	show := func(mode progress.Mode) string {
		var out bytes.Buffer
		b := newBoard(progress.New(&out, mode), 3)
		b.follow("closure", lab.Leaky, session.Event{Time: at(0), Phase: "idle"})
		b.follow("cache", lab.Fixed, session.Event{Time: at(11), Phase: "steady"})
		b.follow("cache", lab.Fixed, session.Event{Time: at(12), Phase: "steady", Message: "the load is late", Warning: true})
		b.follow("cache", lab.Fixed, session.Event{Time: at(13), Phase: "steady", Message: "no news"})
		b.ended("cache", &report.Comparison{Scenario: "cache", Pass: true}, nil)
		b.ended("closure", nil, errors.New("it died"))
		return out.String()
	}
	want := `lab  0 of 3  closure/leaky idle
lab  0 of 3 0:11  cache/fixed steady · closure/leaky idle
warning: cache/fixed: the load is late
✓ pass  cache: , as it should be
lab  1 of 3 0:13  closure/leaky idle
warning: closure: it died
lab  2 of 3 0:13
`
	if got := show(progress.Plain); got != want {
		t.Errorf("as lines:\n%swant:\n%s", got, want)
	}
	if got := show(progress.Terminal); !strings.HasSuffix(got, "\r\x1b[Klab  2 of 3 0:13") || strings.Count(got, "\n") != 3 {
		t.Errorf("on a terminal: %q; want one rewritten line and three of their own", got)
	}
	if got := show(progress.Quiet); got != "" {
		t.Errorf("quiet: %q; want nothing", got)
	}
}
