package tui

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/tui/model"
)

// mostCopied is how many bytes terminals take through OSC 52.
const mostCopied = 74_000

// copy puts text on the clipboard of whoever sits at the terminal, over any
// number of hops (OSC 52).
func (a *App) copy(text string) {
	if len(text) > mostCopied {
		a.notice(model.Warning, "too long to copy; w writes the picture to a file")
		return
	}
	if tty, ok := a.screen.Tty(); ok {
		// Also where the terminal's description does not tell of it: those that do
		// not know it swallow it.
		fmt.Fprintf(tty, "\x1b]52;c;%s\x07", base64.StdEncoding.EncodeToString([]byte(text)))
	} else {
		a.screen.SetClipboard([]byte(text))
	}
	a.notice(model.Info, "copied")
}

// save writes a text to a file of its own: in the folder of the dashboard, or
// where that cannot be written among the temporary files.
func (a *App) save(what, text string) {
	name := "heapdrift-" + what + "-" + time.Now().Format("20060102-150405") + ".txt"
	path, err := writeNew(a.cfg.Dir, name, text)
	if err != nil {
		path, err = writeNew(os.TempDir(), name, text)
	}
	if err != nil {
		a.notice(model.Warning, fmt.Sprintf("no %s: %v", what, err))
		return
	}
	a.notice(model.Info, "the "+what+" is in "+path)
}

// writeNew writes a file that was not there; taken names are numbered.
func writeNew(dir, name, text string) (string, error) {
	ext := filepath.Ext(name)
	for n := 1; ; n++ {
		path := filepath.Join(dir, name)
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if os.IsExist(err) && n < 100 {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.WriteString(text)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return path, err
	}
}

// edit opens the editor at a line. The dashboard goes on beneath it.
func (a *App) edit(file string, line int) {
	if a.suspended {
		return
	}
	path, ok := newFinder(a.cfg.Dir).find(file)
	if !ok {
		a.notice(model.Warning, fmt.Sprintf("%s is not at hand here", file))
		return
	}
	args := a.editor()
	if len(args) == 0 {
		a.notice(model.Warning, "no editor: set $EDITOR, as in EDITOR=vi")
		return
	}
	cmd := exec.Command(args[0], append(args[1:], at(args[0], path, line)...)...)
	tty, err := openTTY()
	if err != nil {
		a.notice(model.Warning, fmt.Sprintf("no editor: %v", err))
		return
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	a.suspended = true
	if err := a.screen.Suspend(); err != nil {
		a.suspended = false
		tty.Close()
		a.notice(model.Warning, fmt.Sprintf("no editor: %v", err))
		return
	}
	a.later(func() func() {
		err := cmd.Run()
		tty.Close()
		return func() {
			a.resume()
			if err != nil {
				a.notice(model.Warning, fmt.Sprintf("%s: %v", args[0], err))
			}
		}
	})
}

// resume takes the screen back.
func (a *App) resume() {
	if !a.suspended {
		return
	}
	a.suspended = false
	if err := a.screen.Resume(); err != nil {
		a.leave = true
		return
	}
	a.forget()
	a.screen.Sync()
}

// editor is the user's, with its arguments.
func (a *App) editor() []string {
	if a.cfg.Getenv == nil {
		return nil
	}
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if args := strings.Fields(a.cfg.Getenv(name)); len(args) > 0 {
			return args
		}
	}
	return nil
}

// at are the arguments by which an editor opens a file at a line.
func at(editor, path string, line int) []string {
	if line <= 0 {
		return []string{path}
	}
	place := fmt.Sprintf("%s:%d", path, line)
	switch strings.TrimSuffix(filepath.Base(editor), ".exe") {
	case "code", "codium", "vscodium", "cursor", "windsurf":
		return []string{"--wait", "--goto", place}
	case "subl":
		return []string{"--wait", place}
	case "hx", "helix", "zed":
		return []string{place}
	}
	return []string{fmt.Sprintf("+%d", line), path} // vi, emacs, nano, micro, kak, joe, …
}
