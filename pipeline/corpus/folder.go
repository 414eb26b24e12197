package corpus

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/markup"
)

const (
	// MaxFileBytes bounds a file that a folder may hold as a document.
	MaxFileBytes = 64 << 20
	// heldBytes is up to which size a file's text is held in memory.
	heldBytes = 256 << 10
)

// Folder is the text files below a folder, as documents.
type Folder struct {
	root   string
	paths  []string // relative to root, in lexical order, slashes
	stamps []Stamp  // of paths
	// Skipped is how many text files were passed over: empty, larger than
	// MaxFileBytes, or not a regular file.
	Skipped int
}

// Stamp tells a file that was written anew from one that was not.
type Stamp struct {
	Size     int64     // in bytes
	Modified time.Time // to the file system's precision
}

// OpenFolder lists the .txt, .md and .html files below dir. It does not follow
// symbolic links and does not enter hidden folders. A folder without one text
// file is an error.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{root: dir}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != dir && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		switch strings.ToLower(filepath.Ext(name)) {
		case ".txt", ".md", ".markdown", ".html", ".htm":
		default:
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > MaxFileBytes {
			f.Skipped++
			return nil
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		f.paths = append(f.paths, filepath.ToSlash(relative))
		f.stamps = append(f.stamps, Stamp{Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read corpus %s: %w", dir, err)
	}
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("read corpus %s: no .txt, .md or .html file of 1 byte to %d MiB was found in it", dir, MaxFileBytes>>20)
	}
	return f, nil
}

// Len returns the number of files.
func (f *Folder) Len() int { return len(f.paths) }

// ID returns the id of the document that file i of Len is.
func (f *Folder) ID(i int) string { return shorten(f.paths[i]) }

// Stamp returns what file i of Len looked like when the folder was opened.
func (f *Folder) Stamp(i int) Stamp { return f.stamps[i] }

// File reads file i of Len as a document whose id is its path, so that reading
// it again replaces it. HTML comes without its markup. A large file stays where
// it is, as the document's Rest, which the caller closes.
func (f *Folder) File(i int) (pipeline.Document, error) {
	doc := pipeline.Document{ID: f.ID(i), Source: "folder", Title: path.Base(f.paths[i])}
	file, err := os.Open(filepath.Join(f.root, filepath.FromSlash(f.paths[i])))
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("read corpus: %w", err)
	}
	large := &largeFile{Reader: io.LimitReader(file, MaxFileBytes), file: file}
	if ext := strings.ToLower(path.Ext(f.paths[i])); ext == ".html" || ext == ".htm" {
		large.html = markup.NewReader(large.Reader)
		large.Reader = large.html
	}
	if f.stamps[i].Size > heldBytes {
		doc.Rest = large
		return doc, nil
	}
	defer file.Close() // it was read only
	raw, err := io.ReadAll(large)
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("read corpus: %s: %w", f.paths[i], err)
	}
	doc.Text = strings.ToValidUTF8(string(raw), "\uFFFD")
	return doc, large.Complete(&doc)
}

// largeFile is the Rest of a document that is a file.
type largeFile struct {
	io.Reader
	html *markup.Reader // nil if it is none
	file *os.File
}

// Complete gives an HTML file the title that it has.
func (l *largeFile) Complete(doc *pipeline.Document) error {
	if l.html != nil {
		doc.Title = cmp.Or(l.html.Title(), doc.Title)
	}
	return nil
}

func (l *largeFile) Close() error { return l.file.Close() }

// Document reads file seq mod Len under an id that no other sequence number
// has: the folder's content over and over, as documents never seen before.
func (f *Folder) Document(seq int64) (pipeline.Document, error) {
	n := int64(len(f.paths))
	doc, err := f.File(int(((seq % n) + n) % n))
	doc.ID = fmt.Sprintf("file-%08d-%s", seq, doc.ID)
	doc.ID = shorten(doc.ID)
	return doc, err
}

// shorten cuts an id to what the pipeline takes, keeping its front.
func shorten(id string) string {
	if len(id) <= pipeline.MaxIDBytes {
		return id
	}
	cut := pipeline.MaxIDBytes
	for cut > 0 && !utf8.RuneStart(id[cut]) {
		cut--
	}
	return id[:cut]
}
