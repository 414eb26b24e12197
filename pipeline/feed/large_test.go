package feed

import (
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heapdrift/heapdrift/internal/apart"
	"github.com/heapdrift/heapdrift/pipeline"
)

// readWhole reads a document that may be large, with its text in memory.
func readWhole(t testing.TB, r io.Reader) (pipeline.Document, error) {
	t.Helper()
	doc, err := JSON{}.Read(t.Context(), r, -1)
	return finish(doc, err)
}

// finish reads a document's Rest.
func finish(doc pipeline.Document, err error) (pipeline.Document, error) {
	if err != nil || doc.Rest == nil {
		return doc, err
	}
	b, err := io.ReadAll(doc.Rest)
	if err != nil {
		return pipeline.Document{}, err
	}
	completer := doc.Rest.(pipeline.Completer)
	doc.Text, doc.Rest = string(b), nil
	return doc, completer.Complete(&doc)
}

func TestALargeDocumentIsReadInBlocks(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("Ferry \"late\"\n\t東京 \U0001F6A2 and é\\u00e9 ", 20_000)
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	ascii := strings.NewReplacer("東", `\u6771`, "京", `\u4eac`, "\U0001F6A2", `\ud83d\uDEA2`, "é", `\u00E9`).Replace(string(quoted))
	want := pipeline.Document{ID: "1", Source: "s", Title: "T", Text: text}
	for name, body := range map[string]string{
		"in the usual order":           `{"id":"1","source":"s","title":"T","text":` + string(quoted) + `}`,
		"in the order of the alphabet": `{"id":"1", "other":[{"a":1}], "source":"s", "text" : ` + string(quoted) + ` , "title" : "T" , "x":null} ` + "\n",
		"in nothing but ASCII":         `{"ID":"1","source":"s","title":"T","text":` + ascii + `}`,
	} {
		for how, r := range map[string]io.Reader{
			"at once": strings.NewReader(body), "in halves": iotest.HalfReader(strings.NewReader(body)), "with its end": iotest.DataErrReader(strings.NewReader(body)),
		} {
			if got, err := readWhole(t, r); err != nil || got != want {
				t.Errorf("%s, %s: %v; title %q, %d bytes of text, want %d", name, how, err, got.Title, len(got.Text), len(text))
			}
		}
	}
}

func TestALargeDocumentThatIsNotOne(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", wholeBody)
	for name, body := range map[string]string{
		"the id after the text":         `{"text":"` + long + `","id":"1"}`,
		"no id":                         `{"text":"` + long + `"}`,
		"a text that is no string":      `{"id":"1","text":["` + long + `"]}`,
		"no object":                     `["` + long + `"]`,
		"a control character":           `{"id":"1","text":"` + long + "\x01" + `"}`,
		"a broken escape":               `{"id":"1","text":"` + long + `\q"}`,
		"a text without an end":         `{"id":"1","text":"` + long,
		"an escape without an end":      `{"id":"1","text":"` + long + `\u12`,
		"no end of the document":        `{"id":"1","text":"` + long + `"`,
		"something behind the document": `{"id":"1","text":"` + long + `"}{`,
		"two texts":                     `{"id":"1","text":"` + long + `","text":"x"}`,
		"two ids":                       `{"id":"1","text":"` + long + `","id":"2"}`,
		"a title of a megabyte":         `{"id":"1","title":"` + strings.Repeat(long, 5) + `","text":""}`,
		"a megabyte after the text":     `{"id":"1","text":"` + long + `","title":"` + strings.Repeat(long, 5) + `"}`,
	} {
		if doc, err := readWhole(t, strings.NewReader(body)); !errors.Is(err, pipeline.ErrInvalid) {
			t.Errorf("%s: %v, read as %.60q", name, err, doc.ID)
		}
	}
	body := io.MultiReader(strings.NewReader(`{"id":"1","text":"`+long), iotest.ErrReader(errors.New("line cut")))
	if _, err := readWhole(t, body); errors.Is(err, pipeline.ErrInvalid) || err == nil || !strings.Contains(err.Error(), "line cut") {
		t.Errorf("a body that breaks off: %v", err)
	}
}

// endless is a document whose text never ends within the test.
type endless struct {
	head string
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.head != "" {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

func TestALargeDocumentTakesConstantMemory(t *testing.T) {
	apart.Run(t, func(t *testing.T) {
		doc, err := JSON{}.Read(t.Context(), &endless{head: `{"id":"1","text":"`, left: 64 << 20}, -1)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		buf := make([]byte, 32<<10)
		var peak uint64
		for n := 0; ; n++ {
			if _, err := doc.Rest.Read(buf); err != nil {
				break
			}
			if n%500 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapAlloc)
			}
		}
		if peak > before.HeapAlloc+1<<20 {
			t.Errorf("the live heap rose from %d to %d KiB", before.HeapAlloc>>10, peak>>10)
		}
	})
}

// Decoded in blocks, a string is what encoding/json makes of it.
func FuzzText(f *testing.F) {
	for _, s := range []string{`plain`, `\ud83d\ude00`, `\ud83d\ud83d`, "\xff\xc3\x28", `a\n\u00e9`, `\ud8`, "東京", `x","title":"y`} {
		f.Add(s, uint16(block/2-2))
	}
	f.Fuzz(func(t *testing.T, s string, pad uint16) {
		body := `{"id":"1","text":"` + strings.Repeat("é", int(pad)%(3*block)) + s + `"}`
		var want struct{ ID, Source, Title, Text string }
		wanted := json.Unmarshal([]byte(body), &want)
		got, err := finish(readLarge(strings.NewReader(body)))
		if (err == nil) != (wanted == nil) {
			if wanted == nil && strings.Contains(strings.ToLower(s), `"`) {
				return // fields twice, which encoding/json lets pass
			}
			t.Fatalf("%q: %v, encoding/json says %v", s, err, wanted)
		}
		if err == nil && (got.Text != want.Text || got.Title != want.Title) {
			t.Errorf("%q: decoded to something else", s)
		}
	})
}
