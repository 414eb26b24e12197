package lab

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	fixedclosure "github.com/heapdrift/heapdrift/fixed/closure"
	fixedstuckreceive "github.com/heapdrift/heapdrift/fixed/stuckreceive"
	fixedsubslice "github.com/heapdrift/heapdrift/fixed/subslice"
	leakyclosure "github.com/heapdrift/heapdrift/leakscenarios/closure"
	leakystuckreceive "github.com/heapdrift/heapdrift/leakscenarios/stuckreceive"
	leakysubslice "github.com/heapdrift/heapdrift/leakscenarios/subslice"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/pipelinetest"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// A variant leaks or it does not; what it makes of a document is the same.
func TestEveryVariantIsCorrect(t *testing.T) {
	for _, s := range Scenarios() {
		for _, v := range s.Variants() {
			t.Run(s.Name+" "+string(v), func(t *testing.T) {
				t.Parallel()
				pipelinetest.SameAsPlain(t, func(dir string) (*pipeline.Pipeline, pipelinetest.Reader, error) {
					r, err := s.assemble(v, dir)
					if err != nil {
						return nil, nil, err
					}
					t.Cleanup(func() {
						if err := r.Close(); err != nil {
							t.Errorf("close what is beside the pipeline: %v", err)
						}
					})
					return r.pipeline, r.reader, nil
				})
			})
		}
	}
}

func TestBothAuditsComeAfterAnHour(t *testing.T) {
	t.Parallel()
	type stage interface {
		pipeline.Embedder
		io.Closer
	}
	for name, open := range map[string]func(func(int)) stage{
		"leaky": func(audit func(int)) stage { return leakyclosure.New(embed.Hasher{}, audit) },
		"fixed": func(audit func(int)) stage { return fixedclosure.New(embed.Hasher{}, audit) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var audited atomic.Int64
				s := open(func(n int) { audited.Add(int64(n)) })
				// Two documents half an hour apart; one chunk has no word.
				embedTexts(t, s, "one", "two", "…")
				time.Sleep(30 * time.Minute)
				embedTexts(t, s, "three")
				time.Sleep(28 * time.Minute)
				synctest.Wait()
				if n := audited.Load(); n != 0 {
					t.Errorf("after 58 minutes %d vectors were audited, want none", n)
				}
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if n := audited.Load(); n != 2 {
					t.Errorf("after 61 minutes %d vectors were audited, want the 2 that have words", n)
				}
				time.Sleep(30 * time.Minute)
				synctest.Wait()
				if n := audited.Load(); n != 3 {
					t.Errorf("after 91 minutes %d vectors were audited, want 3", n)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func embedTexts(t *testing.T, e pipeline.Embedder, texts ...string) {
	t.Helper()
	chunks := make([]text.Chunk, len(texts))
	for i, s := range texts {
		chunks[i].Text = s
	}
	if _, err := e.Embed(t.Context(), chunks); err != nil {
		t.Fatal(err)
	}
}

func TestBothReadersKnowTitles(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]pipelinetest.Reader{"leaky": leakysubslice.New(), "fixed": fixedsubslice.New()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := []struct{ name, body, want string }{
				{"a new title", `{"id":"1","text":"Ferry late\nIt rained."}`, ""},
				{"another", `{"id":"2","title":"Ferry early"}`, ""},
				{"the first again", `{"id":"3","text":"Ferry late\nIt snowed."}`, "1"},
				{"the same document again", `{"id":"1","text":"Ferry late\nIt rained."}`, ""},
				{"no title at all", `{"id":"4"}`, ""},
				{"no title at all, again", `{"id":"5"}`, ""},
			}
			for _, step := range steps {
				doc, err := r.Read(t.Context(), strings.NewReader(step.body), -1)
				if err != nil || doc.SameTitleAs != step.want {
					t.Errorf("%s: the same title as %q, %v; want %q", step.name, doc.SameTitleAs, err, step.want)
				}
			}
			if _, err := r.Read(t.Context(), strings.NewReader("no JSON"), -1); err == nil {
				t.Error("no JSON: no error")
			}
		})
	}
}

func TestTheFixedReaderForgetsOldTitles(t *testing.T) {
	t.Parallel()
	r := fixedsubslice.New()
	s, err := Find("subslice")
	if err != nil {
		t.Fatal(err)
	}
	send := func(id, title string) string {
		t.Helper()
		doc, err := r.Read(t.Context(), strings.NewReader(`{"id":"`+id+`","title":"`+title+`"}`), -1)
		if err != nil {
			t.Fatal(err)
		}
		return doc.SameTitleAs
	}
	send("first", "The first title")
	for seq := range int64(100) {
		send(s.Document(seq).ID, text.Headline(s.Document(seq).Text))
	}
	if got := send("second", "The first title"); got != "first" {
		t.Errorf("after 100 titles the first is that of %q", got)
	}
	for seq := range int64(1000) {
		send(s.Document(seq).ID+"x", text.Headline(s.Document(seq+500).Text))
	}
	if got := send("third", "The first title"); got != "" {
		t.Errorf("after 1000 more titles the first is still known, as that of %q", got)
	}
}

func TestBothWorkersStopWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	chunks := make([]text.Chunk, 1000) // some send finds the worker busy, and the context ended
	for name, e := range map[string]pipeline.Embedder{
		"leaky": leakystuckreceive.New(embed.Hasher{}),
		"fixed": fixedstuckreceive.New(embed.Hasher{}),
	} {
		if _, err := e.Embed(ctx, chunks); err == nil {
			t.Errorf("%s: embedded everything although its context had ended", name)
		}
	}
}
