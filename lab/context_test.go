package lab

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	fixedcontext "github.com/heapdrift/heapdrift/fixed/context"
	leakycontext "github.com/heapdrift/heapdrift/leakscenarios/context"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// limiters are both variants of the stage that sets a limit.
func limiters(service context.Context, e pipeline.Embedder, limit time.Duration) map[Variant]pipeline.Embedder {
	return map[Variant]pipeline.Embedder{
		Leaky: leakycontext.New(service, e, limit),
		Fixed: fixedcontext.New(service, e, limit),
	}
}

// parent is a context that counts its children.
type parent struct {
	context.Context
	done     chan struct{} // never closed; its own, or Context would be taken for the parent
	children atomic.Int64
}

func (p *parent) Done() <-chan struct{} { return p.done }

// AfterFunc is what package context calls for each child, and stop for each
// that was cancelled.
func (p *parent) AfterFunc(func()) (stop func() bool) {
	p.children.Add(1)
	return func() bool { p.children.Add(-1); return true }
}

func TestTheServiceKeepsTheContextsOfTheLeakyStageOnly(t *testing.T) {
	t.Parallel()
	for v, want := range map[Variant]int64{Leaky: 20, Fixed: 0} {
		service := &parent{Context: context.Background(), done: make(chan struct{})}
		stage := limiters(service, embed.Hasher{}, time.Minute)[v]
		for range 10 {
			embedTexts(t, stage, "some", "words")
		}
		if n := service.children.Load(); n != want {
			t.Errorf("%s: after 10 documents of two chunks the service's context has %d children, want %d", v, n, want)
		}
		// When the request ends before its time both variants cancel.
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := limiters(service, stuck{}, time.Minute)[v].Embed(ended, []text.Chunk{{Text: "words"}}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a request that has ended: %v", v, err)
		}
		if n := service.children.Load(); n != want {
			t.Errorf("%s: a request that has ended leaves a child behind", v)
		}
	}
}

// stuck embeds nothing until its context ends.
type stuck struct{}

func (stuck) Embed(ctx context.Context, _ []text.Chunk) ([]embed.Vector, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestADocumentIsGivenUp(t *testing.T) {
	t.Parallel()
	stopped, hungUp := errors.New("the service stops"), errors.New("the client hung up")
	for _, c := range []struct {
		name string
		end  func(service, request context.CancelCauseFunc) // after a second
		want error
		in   time.Duration
	}{
		{"when the service ends", func(service, _ context.CancelCauseFunc) { service(stopped) }, stopped, time.Second},
		{"when the request ends", func(_, request context.CancelCauseFunc) { request(hungUp) }, hungUp, time.Second},
		{"when its time is up", func(_, _ context.CancelCauseFunc) {}, context.DeadlineExceeded, time.Minute},
	} {
		for _, v := range []Variant{Leaky, Fixed} {
			t.Run(c.name+", "+string(v), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					service, endService := context.WithCancelCause(t.Context())
					request, endRequest := context.WithCancelCause(t.Context())
					defer endService(nil)
					defer endRequest(nil)
					time.AfterFunc(time.Second, func() { c.end(endService, endRequest) })
					begin := time.Now()
					_, err := limiters(service, stuck{}, time.Minute)[v].Embed(request, []text.Chunk{{Text: "words"}})
					if took := time.Since(begin); !errors.Is(err, c.want) || took != c.in {
						t.Errorf("after %s: %v; want %v after %s", took, err, c.want, c.in)
					}
				})
			})
		}
	}
}
