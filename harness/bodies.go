package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxBodies is what the files of a folder may come to together, bytes.
const maxBodies = 1 << 30

// ReadBodies reads the body at path or, if that is a folder, those in it: its
// regular files in the order of their names, but none whose name begins with a
// dot, nor what is in folders of it.
func ReadBodies(path string) ([][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		body, err := readBodyFile(path)
		return [][]byte{body}, err
	}
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, err
	}
	var (
		bodies [][]byte
		total  int
	)
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if info, err := os.Stat(name); strings.HasPrefix(e.Name(), ".") || err == nil && info.IsDir() {
			continue
		}
		body, err := readBodyFile(name)
		if err != nil {
			return nil, err
		}
		if total += len(body); total > maxBodies {
			return nil, fmt.Errorf("the files in %s come to more than %d bytes; take some out", path, maxBodies)
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		return nil, fmt.Errorf("%s holds no file to send", path)
	}
	return bodies, nil
}
