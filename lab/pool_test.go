package lab

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	fixedchurn "github.com/heapdrift/heapdrift/fixed/churn"
	fixedpool "github.com/heapdrift/heapdrift/fixed/pool"
	fixedwholedoc "github.com/heapdrift/heapdrift/fixed/wholedoc"
	leakychurn "github.com/heapdrift/heapdrift/leakscenarios/churn"
	leakypool "github.com/heapdrift/heapdrift/leakscenarios/pool"
	leakywholedoc "github.com/heapdrift/heapdrift/leakscenarios/wholedoc"
	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/pipelinetest"
)

func TestTheReadersThatReadForThemselves(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]pipelinetest.Reader{
		"leaky pool": leakypool.New(), "fixed pool": fixedpool.New(),
		"leaky wholedoc": leakywholedoc.Reader{}, "fixed wholedoc": fixedwholedoc.Reader{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			long := strings.Repeat("Rain. ", 100)
			for _, body := range []string{`{"id":"1","text":"` + long + `"}`, `{"id":"2","text":"A title\nand text"}`, `{"id":"3"}`} {
				for _, size := range []int64{-1, 0, int64(len(body))} {
					doc, err := r.Read(t.Context(), iotest.HalfReader(strings.NewReader(body)), size)
					if err != nil || !strings.Contains(body, `"id":"`+doc.ID+`"`) || (doc.ID == "2" && (doc.Title != "A title" || doc.Text != "A title\nand text")) {
						t.Errorf("of %d bytes said to be %d: %+v, %v", len(body), size, doc, err)
					}
				}
			}
			for _, body := range []string{"no JSON", `{"text":"without an id"}`, ""} {
				if _, err := r.Read(t.Context(), strings.NewReader(body), -1); !errors.Is(err, pipeline.ErrInvalid) {
					t.Errorf("%q: %v, want that it is invalid", body, err)
				}
			}
			broken := errors.New("broken")
			if _, err := r.Read(t.Context(), iotest.ErrReader(broken), 10); !errors.Is(err, broken) || errors.Is(err, pipeline.ErrInvalid) {
				t.Errorf("a body that breaks off: %v", err)
			}
		})
	}
}

// What was read must not change when its buffer is used for another.
func TestAPooledBufferIsNotInUse(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]pipelinetest.Reader{"leaky": leakypool.New(), "fixed": fixedpool.New()} {
		read := func(fill string) pipeline.Document {
			t.Helper()
			body := []byte(`{"id":"` + fill + `","source":"` + fill + `","text":"` + strings.Repeat(fill, 5000) + `"}`)
			doc, err := r.Read(t.Context(), bytes.NewReader(body), int64(len(body)))
			if err != nil {
				t.Fatal(err)
			}
			return doc
		}
		first := read("a")
		for range 2 * leakypool.Buffers {
			read("b")
		}
		if first.ID != "a" || first.Source != "a" || strings.Trim(first.Text, "a") != "" {
			t.Errorf("%s: the first document has become %.40q", name, first.Text)
		}
	}
}

func TestBothCountTheSameRepeats(t *testing.T) {
	t.Parallel()
	leaky, fixed := leakychurn.New(embed.Hasher{}), fixedchurn.New(embed.Hasher{})
	for _, step := range []struct {
		name    string
		texts   []string
		repeats int64
	}{
		{"a text", []string{"The ferry is late."}, 0},
		{"the same again", []string{"The ferry is late."}, 1},
		{"in capitals, without punctuation, with more blanks", []string{"THE  ferry is\nlate"}, 2},
		{"words run together", []string{"the ferryis late"}, 2},
		{"another order", []string{"is the ferry late"}, 2},
		{"letters of other alphabets", []string{"ÄRGER in ŁÓDŹ", "ärger in łódź", "東京", "東京"}, 4},
		{"no word at all", []string{"…", "—", ""}, 4},
	} {
		embedTexts(t, leaky, step.texts...)
		embedTexts(t, fixed, step.texts...)
		if l, f := leaky.Repeats(), fixed.Repeats(); l != step.repeats || f != step.repeats {
			t.Errorf("%s: the leaky one counts %d repeats, the fixed one %d, want %d", step.name, l, f, step.repeats)
		}
	}
}
