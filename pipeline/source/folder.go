package source

import (
	"context"

	"github.com/heapdrift/heapdrift/pipeline"
	"github.com/heapdrift/heapdrift/pipeline/corpus"
)

// Folder is a folder of text, Markdown and HTML files. It is read again with
// every poll; a file that has the size and the time that it had is passed over.
type Folder struct {
	dir  string
	seen map[string]corpus.Stamp // by the file's id; holds what is in the folder now
	// failed gets the files that could not be read, which no document tells of.
	failed func(error)
}

// NewFolder makes the source of a folder, which must hold something to read.
func NewFolder(dir string, failed func(error)) (*Folder, error) {
	if _, err := corpus.OpenFolder(dir); err != nil {
		return nil, err
	}
	return &Folder{dir: dir, failed: failed}, nil
}

// Name is the folder's path.
func (f *Folder) Name() string { return f.dir }

// Kind is "folder".
func (f *Folder) Kind() string { return "folder" }

// Forget makes the next poll read a file again.
func (f *Folder) Forget(id string) { delete(f.seen, id) }

// Poll reads the files that are new or have changed.
func (f *Folder) Poll(ctx context.Context, deliver func(pipeline.Document)) (Round, error) {
	folder, err := corpus.OpenFolder(f.dir)
	if err != nil {
		return Round{}, err
	}
	round := Round{Unchanged: true}
	seen := make(map[string]corpus.Stamp, folder.Len())
	for i := range folder.Len() {
		if ctx.Err() != nil {
			return round, ctx.Err()
		}
		id, stamp := folder.ID(i), folder.Stamp(i)
		if f.seen[id] == stamp {
			seen[id] = stamp
			continue
		}
		doc, err := folder.File(i)
		if err != nil {
			f.failed(err)
			continue
		}
		seen[id] = stamp
		round.Unchanged = false
		round.Bytes += stamp.Size
		deliver(doc)
	}
	f.seen = seen
	return round, nil
}
