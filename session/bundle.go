package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/capture"
)

// runsFolder holds the bundles for which no folder was named.
const runsFolder = "runs"

// folder is the bundle of a run, which its maker may take away again.
type folder struct {
	*capture.Bundle
	ours bool // the folder was not there before
}

// remove takes the bundle away again, but no folder that was there before.
func (f folder) remove() {
	if f.ours {
		os.RemoveAll(f.Dir())
		return
	}
	entries, err := os.ReadDir(f.Dir()) // Create found it without anything but an empty bundle
	if err != nil {
		return
	}
	for _, e := range entries {
		os.RemoveAll(filepath.Join(f.Dir(), e.Name()))
	}
}

// createBundle makes the folder of the run: the one that was named, a
// temporary one, or runs/TIME, for which a temporary one stands in where the
// working directory cannot be written.
func createBundle(cfg *Config, report *reporter) (folder, error) {
	switch {
	case cfg.Out != "":
		_, absent := os.Stat(cfg.Out)
		b, err := capture.Create(cfg.Out, capture.Header{})
		if err != nil {
			return folder{}, &ConfigError{err.Error()}
		}
		return folder{b, errors.Is(absent, os.ErrNotExist)}, nil
	case cfg.Temporary:
		return within(os.MkdirTemp("", "heapdrift-"))
	}
	b, err := within(dated(time.Now()))
	if err == nil {
		return b, nil
	}
	t, terr := within(os.MkdirTemp("", "heapdrift-"))
	if terr != nil {
		return folder{}, fmt.Errorf("keep the run: %w; give a folder that can be written (-o)", errors.Join(err, terr))
	}
	report.warn(WarnBundleElsewhere, "the run is kept in %s, as the usual folder cannot be made: %v", t.Dir(), err)
	return t, nil
}

// dated makes a folder of its own beneath runsFolder, named by the start; runs
// that start within one second are numbered.
func dated(now time.Time) (string, error) {
	if err := os.MkdirAll(runsFolder, 0o755); err != nil {
		return "", err
	}
	name := filepath.Join(runsFolder, now.Format("2006-01-02T15-04-05"))
	dir := name
	for n := 2; ; n++ {
		err := os.Mkdir(dir, 0o755)
		if !errors.Is(err, os.ErrExist) || n > 100 {
			return dir, err
		}
		dir = fmt.Sprintf("%s-%d", name, n)
	}
}

// within makes a bundle in a fresh folder.
func within(dir string, err error) (folder, error) {
	if err != nil {
		return folder{}, err
	}
	b, err := capture.Create(dir, capture.Header{})
	if err != nil {
		os.RemoveAll(dir)
		return folder{}, err
	}
	return folder{b, true}, nil
}
