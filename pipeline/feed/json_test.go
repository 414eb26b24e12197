package feed

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/pipeline"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     pipeline.Document // the zero value: an error
	}{
		{"a whole document", `{"id":"1","source":"s","title":"T","text":"x"}`, pipeline.Document{ID: "1", Source: "s", Title: "T", Text: "x"}},
		{"a missing title is the first line", `{"id":"1","text":"Headline\nand more"}`, pipeline.Document{ID: "1", Title: "Headline", Text: "Headline\nand more"}},
		{"other fields are passed over", `{"id":"1","entities":[{}]}`, pipeline.Document{ID: "1"}},
		{"a repeat cannot be claimed from outside", `{"id":"1","SameTitleAs":"2"}`, pipeline.Document{ID: "1"}},
		{"no id", `{"text":"x"}`, pipeline.Document{}},
		{"nothing", ``, pipeline.Document{}},
		{"null", `null`, pipeline.Document{}},
		{"a list", `[]`, pipeline.Document{}},
		{"half a document", `{"id":"1"`, pipeline.Document{}},
		{"two documents", `{"id":"1"}{"id":"2"}`, pipeline.Document{}},
		{"a field of the wrong kind", `{"id":1}`, pipeline.Document{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int64{-1, int64(len(test.in)), 1 << 50} {
				got, err := JSON{}.Read(t.Context(), strings.NewReader(test.in), size)
				if got != test.want || (err == nil) == (test.want == pipeline.Document{}) {
					t.Errorf("Read(%s) = %+v, %v; want %+v", test.in, got, err, test.want)
				}
				if err != nil && !errors.Is(err, pipeline.ErrInvalid) {
					t.Errorf("%v is not ErrInvalid", err)
				}
			}
		})
	}
}

func TestAnErrorOfTheBodyIsNotTheContents(t *testing.T) {
	t.Parallel()
	body := io.MultiReader(strings.NewReader(`{"id":"1"`), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := JSON{}.Read(t.Context(), body, 20)
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pipeline.ErrInvalid) {
		t.Errorf("a body that breaks off: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (JSON{}).Read(ctx, strings.NewReader(`{"id":"1"}`), -1); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v", err)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"id":"1","text":"a\nb"}`, `{`, `{"id":"\ud800"}`, "{\"id\":\"\xff\"}", `{"ID":"x","text":null}`} {
		f.Add([]byte(s), int64(len(s)))
	}
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		doc, err := JSON{}.Read(t.Context(), strings.NewReader(string(b)), size)
		if err != nil {
			if !errors.Is(err, pipeline.ErrInvalid) {
				t.Errorf("%q: %v is not ErrInvalid", b, err)
			}
			return
		}
		if doc.Validate() != nil || !utf8.ValidString(doc.ID+doc.Source+doc.Title+doc.Text) {
			t.Errorf("%q was read as %+v", b, doc)
		}
		again, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := (JSON{}).Read(t.Context(), strings.NewReader(string(again)), -1); err != nil || second != doc {
			t.Errorf("%q was read as %+v, written, and read as %+v (%v)", b, doc, second, err)
		}
	})
}
