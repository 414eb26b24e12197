package corpus

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/heapdrift/heapdrift/pipeline"
)

// MaxFileBytes bounds a file that a folder may hold as a document.
const MaxFileBytes = 4 << 20

// Folder is the text files below a folder, as documents.
type Folder struct {
	root  string
	paths []string // relative to root, in lexical order, slashes
	// Skipped is how many text files were passed over: empty, larger than
	// MaxFileBytes, or not a regular file.
	Skipped int
}

// OpenFolder lists the .txt and .md files below dir. It does not follow
// symbolic links and does not enter hidden folders. A folder without one text
// file is an error.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{root: dir}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != dir && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if ext := strings.ToLower(filepath.Ext(path)); ext != ".txt" && ext != ".md" {
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
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f.paths = append(f.paths, filepath.ToSlash(relative))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read corpus %s: %w", dir, err)
	}
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("read corpus %s: no .txt or .md file of 1 byte to %d MiB was found in it", dir, MaxFileBytes>>20)
	}
	return f, nil
}

// Len returns the number of files.
func (f *Folder) Len() int { return len(f.paths) }

// File reads file i of Len as a document whose id is its path, so that reading
// it again replaces it.
func (f *Folder) File(i int) (pipeline.Document, error) {
	path := f.paths[i]
	raw, err := os.ReadFile(filepath.Join(f.root, filepath.FromSlash(path)))
	if err != nil {
		return pipeline.Document{}, fmt.Errorf("read corpus: %w", err)
	}
	return pipeline.Document{
		ID:     shorten(path),
		Source: "folder",
		Title:  filepath.Base(path),
		Text:   strings.ToValidUTF8(string(raw), "\uFFFD"),
	}, nil
}

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
