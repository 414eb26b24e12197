package tui

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/heapdrift/heapdrift/tui/model"
)

func TestEditorsOpenAtTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		editor string
		line   int
		want   string
	}{
		{"/usr/bin/vi", 7, "+7 /a/b.go"},
		{"nano", 7, "+7 /a/b.go"},
		{"emacsclient", 7, "+7 /a/b.go"},
		{"code", 7, "--wait --goto /a/b.go:7"},
		{"code.exe", 7, "--wait --goto /a/b.go:7"},
		{"subl", 7, "--wait /a/b.go:7"},
		{"hx", 7, "/a/b.go:7"},
		{"vi", 0, "/a/b.go"},
	} {
		if got := strings.Join(at(c.editor, "/a/b.go", c.line), " "); got != c.want {
			t.Errorf("%s at line %d: %q, want %q", c.editor, c.line, got, c.want)
		}
	}
	a := New(Config{Getenv: func(name string) string { return map[string]string{"EDITOR": "vi -R", "VISUAL": " "}[name] }})
	if got := a.editor(); !slices.Equal(got, []string{"vi", "-R"}) {
		t.Errorf("editor %q", got)
	}
}

func TestSourcesAreFoundWhereverTheyWereBuilt(t *testing.T) {
	dir := t.TempDir()
	here := filepath.Join(dir, "shop", "cart.go")
	for path, text := range map[string]string{
		here:                               "one\ntwo\nthree\n",
		filepath.Join(dir, "main.go"):      "package main\n",
		filepath.Join(dir, "shop", "x.sh"): "echo\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := newFinder(dir)
	for _, c := range []struct{ name, want string }{
		{here, here},
		{"/build/agent/7/shop/cart.go", here},
		{"example.com/repo@v1.2.3/shop/cart.go", here}, // -trimpath
		{"/elsewhere/main.go", ""},                     // any main.go would do
		{"/build/shop/x.sh", ""},
		{"/etc/passwd", ""},
		{"../" + filepath.Base(dir) + "/shop/../../../etc/cart.go", ""},
		{"", ""},
	} {
		if got, _ := f.find(c.name); got != c.want {
			t.Errorf("%q is found as %q, want %q", c.name, got, c.want)
		}
	}
	lines, first := f.lines("/b/shop/cart.go", 2)
	if first != 1 || len(lines) != 4 || lines[1] != "two" {
		t.Errorf("lines %q from %d", lines, first)
	}
	if lines, _ := f.lines(here, 99); lines != nil {
		t.Errorf("lines %q beyond the end", lines)
	}
	if got, ok := f.find("fmt/print.go"); !ok || !strings.HasSuffix(filepath.ToSlash(got), "/src/fmt/print.go") {
		t.Errorf("the standard library's print.go is %q", got)
	}
}

func TestCopyEditAndClicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 110, 32, Config{Dir: t.TempDir()})
		p := newProgram(30)
		for range 30 {
			r.app.Send(p.update("a", false))
		}
		r.app.Send(p.update("a", true))
		r.press("y")
		r.expect("copied")
		if got := string(r.screen.GetClipboardData()); !strings.Contains(got, "cart.go") && !strings.Contains(got, "x.very") {
			t.Errorf("copied %q, want the selected site", got)
		}
		r.press("e")
		r.expect("is not at hand here")
		before := r.text()
		row := -1
		for y, line := range strings.Split(before, "\n") {
			if strings.Contains(line, "CULPRIT") {
				row = y
			}
		}
		if row < 0 {
			t.Fatalf("no header of the table:\n%s", before)
		}
		click := func(x, y int) {
			r.screen.InjectMouse(x, y, tcell.Button1, tcell.ModNone)
			r.screen.InjectMouse(x, y, tcell.Button1, tcell.ModNone) // held down: one click
			r.screen.InjectMouse(x, y, tcell.ButtonNone, tcell.ModNone)
			synctest.Wait()
		}
		click(14, row)
		r.expect("SITES by culprit")
		click(14, row+3)
		time.Sleep(time.Second)
		if line := strings.Split(r.text(), "\n")[row+3]; !strings.Contains(line, ">") {
			t.Errorf("the row that was clicked is not selected: %q", line)
		}
		click(14, row+3)
		time.Sleep(doubleClick / 2)
		click(14, row+3)
		r.expect("esc close") // the full stack
		r.press("q")
		r.press("q")
		if err := r.ended(); err != nil {
			t.Error(err)
		}
	})
}

func TestLinesBecomeEventsAndAFloodIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 110, 32, Config{})
		r.app.Send(model.Update{Source: "a", State: model.StateLive, Time: time.Now()})
		w := r.app.Lines("", model.Warning)
		w.Write([]byte("half a "))
		synctest.Wait()
		w.Write([]byte("line\r\n\n"))
		r.expect("half a line")
		time.Sleep(time.Second)
		for range 500 {
			w.Write([]byte("flood\n"))
		}
		synctest.Wait()
		time.Sleep(time.Second)
		w.Write([]byte("after\n"))
		r.expect("after (498 lines before left out)")
		w.Write([]byte(strings.Repeat("x", 1<<20)))
		if len(w.part) > longestLine {
			t.Errorf("%d bytes of a line without an end are kept", len(w.part))
		}
		r.cancel()
		_ = r.ended()
		for range 100 {
			w.Write([]byte("nobody\n")) // does not block
		}
	})
}
