package capture

import (
	"context"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// ProbePoint is one line of probe.jsonl: what a target holds at a moment
// between snapshots, read without a collection. 0 is unknown.
type ProbePoint struct {
	Time      time.Time `json:"time"`
	LiveBytes uint64    `json:"live_bytes,omitempty"` // may include garbage not yet collected
	RSS       uint64    `json:"rss_bytes,omitempty"`
}

// Empty reports that nothing could be read.
func (p ProbePoint) Empty() bool { return p.LiveBytes == 0 && p.RSS == 0 }

// Probe reads live heap and resident set without pprof and without a
// collection: from /proc for a local pid, from /metrics where the target has
// it. For a target with neither, the point has only its time. A target that
// has no /metrics is asked for it once.
func (c *Client) Probe(ctx context.Context, pid int) (ProbePoint, error) {
	p := ProbePoint{Time: time.Now().UTC().Round(0)}
	if rss, ok := residentSet(pid); ok {
		p.RSS = rss
	}
	if c.knows().metrics == absent {
		return p, nil
	}
	var s scrape
	_, err := c.get(ctx, c.scrapeRequest(&s))
	if err != nil {
		if ctx.Err() == nil && !transport(err) {
			c.learn(func(_ *snapshot.Target, k *known) { k.metrics = absent })
			return p, nil
		}
		return p, err
	}
	c.learn(func(_ *snapshot.Target, k *known) { k.metrics = offered })
	p.LiveBytes, _ = s.liveHeap()
	if rss, ok := s.rss(); ok && p.RSS == 0 {
		p.RSS = rss
	}
	return p, nil
}
