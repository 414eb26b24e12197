package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
	"go.uber.org/goleak"

	"github.com/heapdrift/heapdrift/tui/model"
)

func TestMain(m *testing.M) {
	watchSignals().close() // starts the runtime's goroutine for them outside of all bubbles
	goleak.VerifyTestMain(m)
}

// rig is a dashboard on a simulated screen. It belongs in a synctest bubble.
type rig struct {
	t      *testing.T
	app    *App
	screen tcell.SimulationScreen
	cancel context.CancelFunc
	over   chan error
}

func start(t *testing.T, width, height int, cfg Config) *rig {
	t.Helper()
	screen := tcell.NewSimulationScreen("UTF-8")
	cfg.Screen = sized{screen, width, height}
	ctx, cancel := context.WithCancel(t.Context())
	r := &rig{t: t, app: New(cfg), screen: screen, cancel: cancel, over: make(chan error, 1)}
	go func() { r.over <- r.app.Run(ctx) }()
	synctest.Wait()
	return r
}

// sized is a simulated screen of a size; it begins as 80 × 25.
type sized struct {
	tcell.SimulationScreen
	width, height int
}

// Init sets the size after the screen is made: Init resets it.
func (s sized) Init() error {
	err := s.SimulationScreen.Init()
	s.SetSize(s.width, s.height)
	return err
}

// Tty is none: the clipboard is the simulated one.
func (s sized) Tty() (tcell.Tty, bool) { return nil, false }

// text is what is on the screen once everything has come to rest.
func (r *rig) text() string {
	time.Sleep(redrawEvery)
	synctest.Wait()
	cells, width, height := r.screen.GetContents()
	lock := r.screen.(sync.Locker) // the cells are the screen's own
	lock.Lock()
	defer lock.Unlock()
	var b strings.Builder
	for y := range height {
		for x := 0; x < width; {
			c := cells[y*width+x]
			if len(c.Runes) == 0 {
				b.WriteByte(' ')
				x++
				continue
			}
			b.WriteString(string(c.Runes))
			x += max(1, uniseg.StringWidth(string(c.Runes))) // a wide one covers the next cell
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// press types keys: single characters, or names of tcell's.
func (r *rig) press(keys ...any) {
	for _, k := range keys {
		switch k := k.(type) {
		case tcell.Key:
			r.screen.InjectKey(k, 0, tcell.ModNone)
		case string:
			for _, c := range k {
				r.screen.InjectKey(tcell.KeyRune, c, tcell.ModNone)
			}
		}
		synctest.Wait()
	}
}

// ended waits for Run.
func (r *rig) ended() error {
	r.t.Helper()
	select {
	case err := <-r.over:
		return err
	case <-time.After(time.Minute):
		r.t.Fatal("the dashboard does not end")
		return nil
	}
}

func (r *rig) running() bool {
	synctest.Wait()
	select {
	case err := <-r.over:
		r.over <- err
		return false
	default:
		return true
	}
}

func (r *rig) expect(want string) {
	r.t.Helper()
	if got := r.text(); !strings.Contains(got, want) {
		r.t.Errorf("the screen does not say %q:\n%s", want, got)
	}
}

func TestQEndsTheRunFirstAndTheDashboardWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := start(t, 110, 32, Config{Quit: func() { asked++ }})
		r.app.Send(model.Update{Source: "a", State: model.StateLive, Time: time.Now()})
		r.press("q")
		r.expect("ending with what there is")
		if !r.running() || asked != 1 {
			t.Fatalf("running %v, asked %d times; want to wait for the run's end", r.running(), asked)
		}
		r.app.End()
		if err := r.ended(); err != nil {
			t.Error(err)
		}
	})
}

func TestASecondQLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := start(t, 80, 24, Config{Quit: func() { asked++ }})
		r.press("q", "q")
		if err := r.ended(); err != nil || asked != 1 {
			t.Errorf("Run = %v, asked %d times", err, asked)
		}
		r.app.Send(model.Update{Source: "a"}) // nobody takes it, nobody waits
	})
}

func TestAnEndedRunStaysUntilQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 110, 32, Config{Quit: func() { t.Error("asked to end what has ended") }, Ended: "the run has ended"})
		r.app.Send(model.Update{Source: "a", State: model.StateEnded, Time: time.Now()})
		r.app.End()
		r.app.End()
		time.Sleep(time.Hour)
		r.expect("the run has ended; q closes")
		if !r.running() {
			t.Fatal("closed by itself")
		}
		r.press(tcell.KeyCtrlC)
		if err := r.ended(); err != nil {
			t.Error(err)
		}
	})
}

func TestADashboardThatNobodyTouchesCloses(t *testing.T) {
	for _, when := range []string{"never", "before the end", "after the end"} {
		touched := when != "never"
		synctest.Test(t, func(t *testing.T) {
			r := start(t, 110, 32, Config{Quit: func() {}, Ended: "the run has ended", Linger: 15 * time.Second})
			if when == "before the end" {
				r.press("?")
			}
			r.app.End()
			time.Sleep(14 * time.Second)
			if when == "after the end" {
				r.press("?")
			}
			if !r.running() {
				t.Fatal("closed too early")
			}
			time.Sleep(2 * time.Second)
			if r.running() != touched {
				t.Fatalf("touched %s: running %v", when, r.running())
			}
			r.cancel()
			if err := r.ended(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheEndOfTheContextClosesItAndGivesTheTerminalBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 80, 24, Config{Quit: func() {}})
		r.cancel()
		if err := r.ended(); err != nil {
			t.Error(err)
		}
		if r.screen.PollEvent() != nil { // a screen that is given back has no events
			t.Error("the screen is still taken")
		}
	})
}

func TestPanicsGiveTheTerminalBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := tcell.NewSimulationScreen("UTF-8")
		app := New(Config{Screen: screen, Snapshot: func(string) error { panic("mine") }})
		app.Send(model.Update{Source: "a", State: model.StateLive, Time: time.Now()})
		got := make(chan any, 1)
		go func() {
			defer func() { got <- recover() }()
			_ = app.Run(t.Context())
		}()
		synctest.Wait()
		screen.InjectKey(tcell.KeyRune, 's', tcell.ModNone)
		if r := <-got; r != "mine" {
			t.Errorf("recovered %v, want the panic itself", r)
		}
		if screen.PollEvent() != nil {
			t.Error("the screen is still taken")
		}
	})
	// Likewise beside the loop.
	screen := tcell.NewSimulationScreen("UTF-8")
	app := New(Config{Screen: screen})
	if err := app.Open(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); r != "theirs" || screen.PollEvent() != nil {
			t.Errorf("recovered %v; want the panic, and the screen given back", r)
		}
	}()
	app.Guard(func() { panic("theirs") })
}

func TestATerminalThatGoesAwayEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 80, 24, Config{Quit: func() {}})
		r.screen.PostEvent(tcell.NewEventError(errors.New("input/output error")))
		if err := r.ended(); !errors.Is(err, errGone) {
			t.Errorf("Run = %v, want that the terminal went away", err)
		}
	})
}

func TestSnapshotReportAndPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var asked []string
		var refuse error
		r := start(t, 110, 32, Config{
			Dir: dir, Quit: func() {},
			Snapshot: func(source string) error { asked = append(asked, source); return refuse },
			Report: func(source string) (string, error) {
				time.Sleep(3 * time.Second) // beside the loop
				return "the report of " + source, refuse
			},
		})
		r.app.Send(model.Update{Source: "a", State: model.StateLive, Time: time.Now()})
		r.press("s")
		r.expect("a snapshot is asked for")
		r.press("o")
		r.expect("writing the report")
		time.Sleep(4 * time.Second)
		r.expect("the report is in")
		r.press("w")
		r.expect("the picture is in")
		refuse = errors.New("it is gone")
		r.press("s")
		r.expect("no snapshot: it is gone")
		if fmt.Sprint(asked) != "[a a]" {
			t.Errorf("asked %q", asked)
		}
		r.app.End()
		r.press("s")
		r.expect("nothing running")
		r.cancel()
		if err := r.ended(); err != nil {
			t.Error(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "heapdrift-*.txt"))
		if len(files) != 2 {
			t.Fatalf("files %q, want a picture and a report", files)
		}
		if b, _ := os.ReadFile(files[1]); string(b) != "the report of a" {
			t.Errorf("the report's file holds %q", b)
		}
	})
}

func TestAFileThatIsThereIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	for i, want := range []string{"a.txt", "a-2.txt", "a-3.txt"} {
		path, err := writeNew(dir, "a.txt", fmt.Sprint(i))
		if err != nil || filepath.Base(path) != want {
			t.Errorf("%s, %v; want %s", path, err, want)
		}
	}
	if _, err := writeNew(filepath.Join(dir, "nothing"), "a.txt", ""); err == nil {
		t.Error("wrote into a folder that is not there")
	}
}

func TestPastedTextIsNoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 110, 32, Config{})
		r.screen.PostEvent(tcell.NewEventPaste(true))
		r.press("qqq")
		r.screen.PostEvent(tcell.NewEventPaste(false))
		if !r.running() {
			t.Fatal("a pasted q closed it")
		}
		r.screen.InjectKey(tcell.KeyRune, 'q', tcell.ModAlt)
		if !r.running() {
			t.Fatal("Alt-q closed it")
		}
		r.press("q")
		_ = r.ended()
	})
}

func TestNewsAreDrawnTogetherAndKeysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 110, 32, Config{})
		r.text()
		before := r.app.draws // the loop rests
		for i := range 100 {
			r.app.Send(model.Update{Source: "a", State: model.StateLive, Time: time.Now(), Tick: time.Duration(i) * time.Second})
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if n := r.app.draws - before; n < 1 || n > 4 {
			t.Errorf("%d pictures in 100 ms of news, want 2 or 3", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		before = r.app.draws
		time.Sleep(time.Hour)
		synctest.Wait()
		if r.app.draws != before {
			t.Errorf("%d pictures in an hour without news", r.app.draws-before)
		}
		r.press("?", "?", "?")
		if n := r.app.draws - before; n != 3 {
			t.Errorf("%d pictures for three keys", n)
		}
		r.cancel()
		_ = r.ended()
	})
}

func TestAnySizeAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 110, 32, Config{})
		r.app.Send(model.Update{Source: "a", State: model.StateLive, Time: time.Now()})
		for _, size := range [][2]int{{80, 24}, {20, 5}, {1, 1}, {300, 100}, {0, 0}, {160, 45}} {
			r.screen.SetSize(size[0], size[1])
			r.screen.PostEvent(tcell.NewEventResize(size[0], size[1]))
			synctest.Wait()
			if w, h := r.app.screen.Size(); w != size[0] || h != size[1] || !r.running() {
				t.Fatalf("%d × %d, running %v; want %v", w, h, r.running(), size)
			}
		}
		r.cancel()
		_ = r.ended()
	})
}
