package stucksend

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// The leaky stage does not pass this.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// half is a server that fails for the text "fail" and for all others answers
// when it is asked no more.
type half struct{ begun, calledOff atomic.Int64 }

func (h *half) Vector(ctx context.Context, text string) (embed.Vector, error) {
	h.begun.Add(1)
	if text == "fail" {
		return nil, errors.New("failed")
	}
	<-ctx.Done()
	h.calledOff.Add(1)
	return nil, ctx.Err()
}

func TestTheFirstErrorCallsTheOtherRequestsOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &half{}
		chunks := []text.Chunk{{Text: "one"}, {Text: "two"}, {Text: "fail"}, {Text: "four"}}
		vectors, err := New(server, embed.Hasher{}).Embed(t.Context(), chunks)
		if err != nil || len(vectors) != len(chunks) {
			t.Errorf("%d vectors, %v; want the fallback's 4", len(vectors), err)
		}
		// At once, without a synctest.Wait: the stage has waited.
		if begun, off := server.begun.Load(), server.calledOff.Load(); begun != 4 || off != 3 {
			t.Errorf("when the stage returned %d requests had begun and %d of them were called off; want 4 and 3", begun, off)
		}
	})
}
