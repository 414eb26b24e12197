package gaterun

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteWhole writes a file that is there as a whole or not at all: its folder
// is made, the data are written beside it, brought to the disk, and renamed
// into place. A path that is no regular file, as /dev/stdout, is written to as
// it is. Whatever fails is an error, and leaves what was there before.
func WriteWhole(path string, data []byte) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to // a link stays one
	}
	mode := os.FileMode(0o644)
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return fmt.Errorf("write %s: it is a folder; give the path of a file in it", path)
	case err == nil && !info.Mode().IsRegular():
		return writeDevice(path, data)
	case err == nil:
		mode = info.Mode().Perm()
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// writeDevice writes to a pipe, a terminal or the like.
func writeDevice(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
