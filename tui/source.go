package tui

import (
	"go/build"
	"os"
	"path/filepath"
	"strings"
)

// finder looks for the source files that profiles name: by the path itself,
// which is right on the machine that built the program, and else (-trimpath,
// another checkout) beneath the working directory, in the module cache and in
// Go's own tree.
type finder struct {
	dir   string
	found map[string]string // path by name; "" for what is not there
}

func newFinder(dir string) *finder { return &finder{dir: dir, found: map[string]string{}} }

// Bounds of what is read for a few lines: whatever a profile names.
const (
	maxSource   = 4 << 20
	contextRows = 40
)

// find returns the path of a Go source file.
func (f *finder) find(name string) (string, bool) {
	path, known := f.found[name]
	if !known {
		path = f.look(name)
		f.found[name] = path
	}
	return path, path != ""
}

func (f *finder) look(name string) string {
	if filepath.Ext(name) != ".go" || strings.ContainsRune(name, 0) {
		return ""
	}
	if filepath.IsAbs(name) && isSource(name) {
		return name
	}
	roots := []string{filepath.Join(build.Default.GOPATH, "pkg", "mod")}
	if goroot := build.Default.GOROOT; goroot != "" {
		roots = append(roots, filepath.Join(goroot, "src"))
	}
	if !filepath.IsAbs(name) {
		for _, root := range roots {
			if p := filepath.Join(root, filepath.FromSlash(name)); within(root, p) && isSource(p) {
				return p
			}
		}
	}
	// Fewer and fewer folders of it, the last two names at least: one name alone
	// would be any main.go.
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return ""
	}
	parts := strings.Split(strings.Trim(filepath.ToSlash(name), "/"), "/")
	for i := 0; i+1 < len(parts); i++ {
		p := filepath.Join(dir, filepath.Join(parts[i:]...))
		if within(dir, p) && isSource(p) {
			return p
		}
	}
	return ""
}

func within(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

func isSource(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() <= maxSource
}

// lines returns the source around a line, and the number of its first line.
func (f *finder) lines(name string, line int) ([]string, int) {
	path, ok := f.find(name)
	if !ok || line <= 0 {
		return nil, 0
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0
	}
	all := strings.Split(string(text), "\n")
	if line > len(all) {
		return nil, 0
	}
	from := max(0, line-1-contextRows)
	return all[from:min(len(all), line+contextRows)], from + 1
}
