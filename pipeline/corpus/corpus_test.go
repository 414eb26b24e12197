package corpus

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/pipeline"
)

func TestArticlesAreAFunctionOfTheirNumber(t *testing.T) {
	t.Parallel()
	g := DefaultGenerator(3)
	for _, seq := range []int64{0, 1, 99, math.MaxInt32, math.MaxInt64} {
		if a, b := g.Document(seq), g.Document(seq); a != b {
			t.Errorf("article %d differs from itself:\n%+v\n%+v", seq, a, b)
		}
	}
	other := DefaultGenerator(4)
	if a, b := g.Document(5), other.Document(5); a.Text == b.Text || a.ID == b.ID {
		t.Error("two seeds give the same article")
	}
}

func TestArticlesNeverRepeat(t *testing.T) {
	t.Parallel()
	g := DefaultGenerator(3)
	ids, titles, texts := map[string]bool{}, map[string]bool{}, map[string]bool{}
	shortest, longest, words := math.MaxInt, 0, 0
	const n = 1500
	for seq := range int64(n) {
		d := g.Document(seq)
		if ids[d.ID] || titles[d.Title] || texts[d.Text] {
			t.Fatalf("article %d repeats an id, a title or a text: %q, %q", seq, d.ID, d.Title)
		}
		ids[d.ID], titles[d.Title], texts[d.Text] = true, true, true
		if !utf8.ValidString(d.Text) || !strings.HasPrefix(d.Text, d.Title+"\n\n") {
			t.Fatalf("article %d does not begin with its title: %.100q", seq, d.Text)
		}
		w := len(strings.Fields(d.Text))
		shortest, longest, words = min(shortest, w), max(longest, w), words+w
	}
	if shortest > 100 || longest < 3500 || longest > 4200 {
		t.Errorf("articles of %d to %d words, want a few sentences up to 4000", shortest, longest)
	}
	// The mean of a log-uniform distribution: (hi − lo) / ln(hi/lo).
	want := (4000 - 40) / math.Log(100)
	if got := float64(words) / n; math.Abs(got-want) > 0.05*want {
		t.Errorf("articles have %.0f words on average, want about %.0f", got, want)
	}
}

func TestAnyHundredArticlesHoldTheSameMix(t *testing.T) {
	t.Parallel()
	g := DefaultGenerator(3)
	want := (4000 - 40) / math.Log(100)
	for begin := int64(0); begin < 5000; begin += 100 {
		sum := 0
		for seq := begin; seq < begin+100; seq++ {
			sum += g.words(seq)
		}
		if mean := float64(sum) / 100; math.Abs(mean-want) > 0.06*want {
			t.Errorf("articles %d to %d: %.0f words on average, want about %.0f", begin, begin+99, mean, want)
		}
	}
}

func TestUntitledArticles(t *testing.T) {
	t.Parallel()
	g := DefaultGenerator(3)
	g.Untitled = true
	titled := DefaultGenerator(3).Document(9)
	if d := g.Document(9); d.Title != "" || d.Text != titled.Text {
		t.Errorf("an untitled article has the title %q, or another text", d.Title)
	}
}

func TestGeneratorValidate(t *testing.T) {
	t.Parallel()
	for _, g := range []Generator{{}, {MinWords: 5, MaxWords: 4}} {
		if g.Validate() == nil {
			t.Errorf("%+v was accepted", g)
		}
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAFolderGivesItsTextFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"b.txt": "second", "a.md": "# first", "sub/c.TXT": "third \xff",
		"d.go": "code", ".git/e.txt": "hidden", "empty.txt": "", "big.txt": "x",
		"e.html": "<title>The  title</title><p>A &amp; B",
	})
	if err := os.Truncate(filepath.Join(dir, "big.txt"), MaxFileBytes+1); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a.md", "b.txt", "e.html", "sub/c.TXT"}; !slices.Equal(f.paths, want) || f.Skipped != 2 {
		t.Errorf("found %q, skipped %d; want %q, 2", f.paths, f.Skipped, want)
	}
	if d, err := f.File(2); err != nil || d.Title != "The title" || strings.TrimSpace(d.Text) != "A & B" {
		t.Errorf("File(2) = %+v, %v", d, err)
	}
	if d, err := f.File(3); err != nil || d.ID != "sub/c.TXT" || d.Text != "third \uFFFD" {
		t.Errorf("File(3) = %+v, %v", d, err)
	}
	first, err1 := f.Document(1)
	again, err2 := f.Document(5)
	if err1 != nil || err2 != nil || first.Text != "second" || again.Text != first.Text || again.ID == first.ID {
		t.Errorf("documents 1 and 5 of four files: %+v (%v), %+v (%v)", first, err1, again, err2)
	}
}

func TestALargeFileStaysWhereItIs(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"a.html": "<title>T</title><p>" + strings.Repeat("word ", heldBytes/5),
		"b.txt":  strings.Repeat("word ", heldBytes/5+1),
	})
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, title := range []string{"T", "b.txt"} {
		d, err := f.File(i)
		if err != nil || d.Rest == nil || d.Text != "" {
			t.Fatalf("File(%d) = %.100v, %v", i, d, err)
		}
		b, err := io.ReadAll(d.Rest)
		if err != nil || len(strings.TrimSpace(string(b))) < heldBytes-10 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if err := d.Rest.(pipeline.Completer).Complete(&d); err != nil || d.Title != title {
			t.Errorf("its title is %q, %v; want %q", d.Title, err, title)
		}
		if err := d.Rest.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAFolderWithoutTextIsAnError(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"no text": folder(t, map[string]string{"x.go": "code"}),
		"absent":  filepath.Join(t.TempDir(), "absent"),
	} {
		if _, err := OpenFolder(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileThatVanishedIsAnError(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.txt": "text"})
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "a.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Document(0); err == nil {
		t.Error("no error")
	}
}

func TestIdsAreCutOnARune(t *testing.T) {
	t.Parallel()
	got := shorten("x" + strings.Repeat("é", 300))
	if len(got) != 511 || !utf8.ValidString(got) {
		t.Errorf("shortened to %d bytes, valid %t", len(got), utf8.ValidString(got))
	}
}

func BenchmarkDocument(b *testing.B) {
	g := DefaultGenerator(1)
	b.ReportAllocs()
	bytes := 0
	for i := int64(0); b.Loop(); i++ {
		bytes += len(g.Document(i).Text)
	}
	b.SetBytes(int64(bytes / max(b.N, 1)))
}
