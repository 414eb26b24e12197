// Package pipelinetest holds the tests that every variant of the pipeline must
// pass, whatever stage it exchanges.
package pipelinetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
	"github.com/heapdrift/heapdrift/pipeline/embed"
	"github.com/heapdrift/heapdrift/pipeline/entity"
	"github.com/heapdrift/heapdrift/pipeline/text"
)

// Reader makes a document of a message, as service.Reader does.
type Reader interface {
	Read(ctx context.Context, body io.Reader, size int64) (pipeline.Document, error)
}

// SameAsPlain sends documents through a variant, several at a time, and holds
// what is stored to what the built-in stages make of the same documents, one
// after the other: same titles, same chunks, same entities, same vectors. open starts the
// variant with its store in dir; SameAsPlain closes it.
func SameAsPlain(t *testing.T, open func(dir string) (*pipeline.Pipeline, Reader, error)) {
	t.Helper()
	p, reader, err := open(t.TempDir())
	if err != nil {
		t.Fatalf("open the variant: %v", err)
	}
	documents := Documents()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for _, doc := range documents {
		group.Go(func() error {
			body, err := json.Marshal(doc)
			if err != nil {
				return err
			}
			read, err := reader.Read(ctx, bytes.NewReader(body), int64(len(body)))
			if err != nil {
				return fmt.Errorf("read %s: %w", doc.ID, err)
			}
			summary, err := p.Ingest(ctx, read)
			if want := len(entities(t, doc.Text)); err == nil && (summary.ID != doc.ID || summary.Entities != want) {
				err = fmt.Errorf("the summary of %s says %+v, want %d entities", doc.ID, summary, want)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Errorf("process: %v", err)
	}
	for _, doc := range documents {
		compare(t, p, doc)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close the variant: %v", err)
	}
}

// Documents are what SameAsPlain sends: articles of all lengths, with and
// without a title, and what is not quite an article.
func Documents() []pipeline.Document {
	titled, untitled := corpus.DefaultGenerator(7), corpus.DefaultGenerator(8)
	untitled.Untitled = true
	documents := []pipeline.Document{
		{ID: "empty"},
		{ID: "no-words", Text: " …\n — !"},
		{ID: "one-word", Title: "One", Text: "word"},
		{ID: "blanks", Text: "\r\n  First  line \r\n\r\n\r\nand\ta second\x00 one.  "},
		{ID: "one-long-word", Source: "test", Text: strings.Repeat("é", 5000)},
		{ID: "addresses", Text: "Write to  Dr. Maria Ivanova\t(m.ivanova@example.org) in Berlin,\r\n\r\n\r\nor see https://example.org/a."},
		large(),
		{ID: "ünïcode/id with blanks", Title: "標題", Text: strings.Repeat("東京で会議がありました。", 300)},
	}
	for seq := range int64(20) {
		documents = append(documents, titled.Document(seq), untitled.Document(seq))
	}
	return documents
}

// large is a document that goes through the pipeline in several parts.
func large() pipeline.Document {
	g := corpus.DefaultGenerator(9)
	var b strings.Builder
	for seq := int64(0); b.Len() < 200<<10; seq++ {
		b.WriteString(g.Document(seq).Text)
		b.WriteString("\r\n\r\n")
	}
	return pipeline.Document{ID: "large", Source: "test", Title: "A large one", Text: b.String()}
}

func compare(t *testing.T, p *pipeline.Pipeline, doc pipeline.Document) {
	t.Helper()
	record, found, err := p.Document(t.Context(), doc.ID)
	if err != nil || !found {
		t.Errorf("document %q: found %t, %v", doc.ID, found, err)
		return
	}
	if doc.Title == "" {
		doc.Title = text.Headline(doc.Text)
	}
	if record.Title != doc.Title || record.Source != doc.Source {
		t.Errorf("document %q: stored as %q from %q, want %q from %q", doc.ID, record.Title, record.Source, doc.Title, doc.Source)
	}
	normal := text.Normalize(doc.Text)
	chunks := slices.Collect(text.DefaultChunker().Chunks(normal))
	if len(record.Chunks) != len(chunks) {
		t.Errorf("document %q: %d chunks, want %d", doc.ID, len(record.Chunks), len(chunks))
		return
	}
	if want := entities(t, doc.Text); !slices.Equal(record.Entities, want) {
		t.Errorf("document %q: entities %+v, want %+v", doc.ID, record.Entities, want)
	}
	for i, c := range record.Chunks {
		if c.Start != chunks[i].Start || c.End != chunks[i].End {
			t.Errorf("document %q, chunk %d: [%d, %d), want [%d, %d)", doc.ID, i, c.Start, c.End, chunks[i].Start, chunks[i].End)
		}
		if !slices.Equal(c.Vector, embed.Hasher{}.Vector(chunks[i].Text)) {
			t.Errorf("document %q, chunk %d: its vector is not that of its text", doc.ID, i)
		}
	}
}

// entities are those of a text by the built-in stages, all of it at once.
func entities(t *testing.T, s string) []entity.Entity {
	t.Helper()
	var reading text.Reading
	part, err := reading.Next(t.Context(), text.DefaultChunker(), s, true)
	if err != nil {
		t.Fatal(err)
	}
	found, err := entity.NewRecognizer().Extract(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
