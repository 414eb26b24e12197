package capture

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// collectRemedy says how to get something that Open can read.
const collectRemedy = "record a run with `heapdrift record`, or keep heap profiles in one folder " +
	"(curl -o heap-001.pb.gz 'http://HOST:6060/debug/pprof/heap?gc=1')"

// Open reads a recorded run: one run bundle, a zip of one, or pprof files that
// another tool left behind, as a folder, a zip of a folder, or a list of files
// and folders. Its snapshots are in the order of their taking; whatever could
// not be used is in Run.Warnings. The error is an *InputError, or ctx's.
//
// Files of a folder may have any name and be gzip or not: their kind is taken
// from their sample types, their order from their time and then their name.
// Heap and goroutine profiles (and the text of heap?debug=1, for its counters)
// that are of one moment make one snapshot. Profiles of other kinds, of
// another program, and broken files among good ones are passed over with a
// warning. Reading takes time in proportion to the bytes of the profiles and
// keeps only the parsed stacks.
func Open(ctx context.Context, paths ...string) (*snapshot.Run, error) {
	if len(paths) == 0 {
		return nil, &InputError{Absent: true, Problem: "no path is given", Remedy: "name a run bundle, or a folder of pprof files"}
	}
	o := &inputReader{ctx: ctx, label: strings.Join(paths, " "), budget: maxTotalBytes}
	defer o.close()
	for _, p := range paths {
		if err := o.path(p); err != nil {
			return nil, err
		}
	}
	return o.run()
}

// Limits of what is read from disk. They are far above what a real recording
// holds; without them a crafted zip or a wrong path could take the machine.
const (
	maxFiles      = 100_000
	maxJSONBytes  = 16 << 20
	maxTextBytes  = 1 << 30 // of a heap profile's text, which is streamed
	maxTotalBytes = 8 << 30 // of everything together, after decompression of a zip
)

// place is a folder, in a file system, with its name for messages.
type place struct {
	fsys fs.FS
	name string
}

func (p place) join(name string) string {
	if name == "." {
		return p.name
	}
	return filepath.Join(p.name, filepath.FromSlash(name))
}

// file is a loose file that may be a profile.
type file struct {
	place
	path string // slash-separated, within place
}

func (f file) String() string { return f.join(f.path) }

// inputReader reads what the given paths hold.
type inputReader struct {
	ctx     context.Context
	label   string
	bundles []place
	files   []file
	seen    int // files walked past
	budget  int64
	closers []io.Closer
}

func (o *inputReader) close() {
	for _, c := range o.closers {
		_ = c.Close()
	}
}

// path adds what one argument names.
func (o *inputReader) path(p string) error {
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &InputError{Absent: true, Path: p, Problem: "there is no such file or folder", Remedy: "check the path", Err: err}
	case err != nil:
		return unreadable(p, err)
	case info.IsDir():
		return o.tree(place{os.DirFS(p), p})
	case !info.Mode().IsRegular():
		return &InputError{Path: p, Problem: "it is neither a file nor a folder", Remedy: collectRemedy}
	}
	f, err := os.Open(p)
	if err != nil {
		return unreadable(p, err)
	}
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		_ = f.Close()
		return unreadable(p, err)
	}
	if magic := string(head[:n]); magic != "PK\x03\x04" && magic != "PK\x05\x06" {
		_ = f.Close()
		o.files = append(o.files, file{place{os.DirFS(filepath.Dir(p)), filepath.Dir(p)}, filepath.Base(p)})
		return nil
	}
	o.closers = append(o.closers, f)
	zr, err := zip.NewReader(f, info.Size())
	if err != nil {
		return &InputError{Path: p, Problem: "the zip archive is broken (" + err.Error() + ")", Remedy: "fetch or make it again", Err: err}
	}
	return o.tree(place{zr, p})
}

func unreadable(p string, err error) error {
	return &InputError{Path: p, Problem: "it cannot be opened (" + cause(err) + ")", Remedy: "check its permissions", Err: err}
}

// tree adds the bundles and the loose files of a folder, recursively. Hidden
// files and folders are passed over, and what archivers add of their own.
func (o *inputReader) tree(root place) error {
	return fs.WalkDir(root.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if cerr := o.ctx.Err(); cerr != nil {
			return fmt.Errorf("read %s: %w", o.label, context.Cause(o.ctx))
		}
		if err != nil {
			if name == "." {
				return unreadable(root.name, err)
			}
			return nil // an unreadable corner: its files are simply not there
		}
		if base := path.Base(name); name != "." && (strings.HasPrefix(base, ".") || base == "__MACOSX") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if o.seen++; o.seen > maxFiles {
			return &InputError{Path: root.name, Problem: fmt.Sprintf("it holds more than %d files", maxFiles), Remedy: "name the folder of the profiles themselves"}
		}
		if d.IsDir() {
			if sub, err := fs.Sub(root.fsys, name); err == nil && isBundle(sub) {
				o.bundles = append(o.bundles, place{sub, root.join(name)})
				return fs.SkipDir
			}
			return nil
		}
		info, err := fs.Stat(root.fsys, name) // through symbolic links
		if err == nil && info.Mode().IsRegular() {
			o.files = append(o.files, file{root, name})
		}
		return nil
	})
}

// isBundle tells a run bundle from any other folder: numbered snapshots, or a
// run.json of ours.
func isBundle(fsys fs.FS) bool {
	if folders, err := numbered(fsys); err == nil && len(folders) > 0 {
		return true
	}
	var budget int64 = maxJSONBytes + 1
	data, err := readLimited(fsys, runFile, maxJSONBytes, &budget)
	if err != nil {
		return false
	}
	var h struct {
		Schema string `json:"schema"`
	}
	return json.Unmarshal(data, &h) == nil && strings.HasPrefix(h.Schema, "heapdrift/")
}

// run makes one run of what was collected.
func (o *inputReader) run() (*snapshot.Run, error) {
	switch {
	case len(o.bundles) > 1:
		var names []string
		for _, b := range o.bundles {
			names = append(names, b.name)
		}
		return nil, &InputError{Path: o.label, Problem: fmt.Sprintf("it holds %d run bundles: %s", len(o.bundles), some(names)), Remedy: "name one of them"}
	case len(o.bundles) == 1:
		run, err := o.bundle(o.bundles[0])
		if err == nil && len(o.files) > 0 {
			run.Warnings = append(run.Warnings, warning(FilesBesideBundle, "%s beside the run bundle %s passed over", count(len(o.files), "file"), o.bundles[0].name))
		}
		return run, err
	case len(o.files) == 0:
		return nil, &InputError{Path: o.label, Problem: "the folder is empty", Remedy: collectRemedy}
	}
	return o.loose()
}

// readLimited reads a file of at most limit bytes and takes them from the
// budget.
func readLimited(fsys fs.FS, name string, limit int64, budget *int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, limit, budget)
}

func readAll(r io.Reader, limit int64, budget *int64) ([]byte, error) {
	limit = min(limit, *budget)
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	*budget -= int64(len(data))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than the limit of %s", size(limit))
	}
	return data, nil
}

// some joins names, the first five of them.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// count says "1 file", "3 files".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
