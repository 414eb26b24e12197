package tui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/heapdrift/heapdrift/tui/model"
)

// Config is what the dashboard is made of. The zero value works: a dark theme,
// nobody to ask for snapshots and reports, and it closes at the first q.
type Config struct {
	Theme Theme
	// Screen to draw on; nil: the terminal.
	Screen tcell.Screen
	// Quit is told of the first q while news are still to come: to end what
	// sends them. The dashboard closes at End then, or at a second q. nil: it
	// closes at once.
	Quit func()
	// Snapshot asks for a snapshot of a target now. It must not block. nil: there
	// is nobody to ask.
	Snapshot func(source string) error
	// Report returns the report of a target, to be written to a file. It may take
	// its time. nil: there is none.
	Report func(source string) (text string, err error)
	// Newest shows the target that began last, until a key is pressed; else the
	// first one stays.
	Newest bool
	// Ended is what is said at End, as "the run has ended"; empty: nothing.
	Ended string
	// Linger closes the dashboard so long after End, if no key was pressed since
	// the start; 0: it waits for q.
	Linger time.Duration
	// Module is the import path prefix of the user's own code; empty: each
	// target's main module.
	Module string
	// Recording says that nothing runs that could be asked for a snapshot.
	Recording bool
	// Logs makes events of what log and slog print while the dashboard is shown.
	Logs bool
	// Dir is where pictures are written, and where sources are looked for; empty:
	// the working directory.
	Dir string
	// Getenv looks up the editor; nil: there is none.
	Getenv func(string) string
}

// redrawEvery is the least time between two pictures that are drawn for news;
// a key is answered at once.
const redrawEvery = 50 * time.Millisecond

// App is a dashboard. Make it with New; it runs once.
type App struct {
	cfg     Config
	model   *model.Model
	updates chan model.Update
	ended   chan struct{} // closed by End
	shut    chan struct{} // closed by Close
	closed  chan struct{} // closed when Run is over
	end     sync.Once
	close   sync.Once
	tasks   chan func() // what goroutines of the app have to say to the loop
	running sync.WaitGroup

	giveBack atomic.Pointer[func()] // the terminal; nil: it is not taken

	// The rest belongs to the loop.
	screen    tcell.Screen
	signals   *signalWatch
	painted   []model.Row // on the screen, nil: unknown
	drawn     time.Time
	draws     int
	dirty     bool
	suspended bool // an editor has the screen
	quitting  bool
	touched   bool // a key was pressed
	over      bool // no more news
	leave     bool
	pasting   bool
	mouse     mouse
	keys      map[string]model.Action
}

// New makes a dashboard.
func New(cfg Config) *App {
	files := newFinder(cfg.Dir)
	return &App{
		cfg: cfg, model: model.New(model.Config{Source: files.lines, Module: cfg.Module, Recording: cfg.Recording}),
		updates: make(chan model.Update, 16), ended: make(chan struct{}), shut: make(chan struct{}), closed: make(chan struct{}),
		tasks: make(chan func(), 16), keys: actions(),
	}
}

// Send gives news to the dashboard. It waits while the dashboard is busy, and
// not at all once it is closed. It may be called by anyone at any time.
func (a *App) Send(u model.Update) {
	select {
	case <-a.closed:
		return
	default:
	}
	select {
	case a.updates <- u:
	case <-a.closed:
	}
}

// End says that no news will follow. It may be called more than once, after the
// last Send.
func (a *App) End() { a.end.Do(func() { close(a.ended) }) }

// Close closes the dashboard, or keeps it from being opened.
func (a *App) Close() { a.close.Do(func() { close(a.shut) }) }

// Guard runs f and gives the terminal back if it panics, before the panic goes
// on: for the goroutines beside Run.
func (a *App) Guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			a.Release()
			panic(r)
		}
	}()
	f()
}

// Run shows the dashboard until it is closed by a key, by ctx, or after End. The
// error is of a terminal that cannot be used, or that went away.
func (a *App) Run(ctx context.Context) (err error) {
	if err := a.Open(); err != nil {
		close(a.closed)
		return err
	}
	events := pump(a.screen, a.closed)
	signals := watchSignals()
	a.signals = signals
	logs := func() {}
	if a.cfg.Logs {
		logs = divertLogs(a)
	}
	defer func() {
		close(a.closed)
		logs()
		signals.close()
		a.Release()
		for range events { // until the pump has ended
		}
		a.running.Wait()
	}()
	a.Guard(func() { err = a.loop(ctx, events, signals) })
	return err
}

// Open takes the terminal, before Run does: to know whether it can be had. What
// it took is given back by Run or Release.
func (a *App) Open() error {
	if a.screen != nil {
		return nil
	}
	screen := a.cfg.Screen
	if screen == nil {
		var err error
		if screen, err = newScreen(a.cfg.Theme == Mono); err != nil {
			return fmt.Errorf("open the terminal: %w", err)
		}
	}
	if err := screen.Init(); err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	screen.EnableMouse(tcell.MouseButtonEvents)
	screen.EnablePaste()
	screen.SetTitle("heapdrift")
	a.screen = screen
	fini := screen.Fini
	a.giveBack.Store(&fini)
	return nil
}

// Release gives the terminal back, if it is taken. It may be called by anyone
// at any time; a dashboard that runs is of no use any more.
func (a *App) Release() {
	if fini := a.giveBack.Swap(nil); fini != nil {
		(*fini)()
	}
}

// pump reads the screen's events until it ends; after stop they are dropped, so
// that the screen is never kept waiting.
func pump(screen tcell.Screen, stop <-chan struct{}) <-chan tcell.Event {
	events := make(chan tcell.Event)
	go func() {
		defer close(events)
		for {
			ev := screen.PollEvent()
			if ev == nil {
				return
			}
			select {
			case events <- ev:
			case <-stop:
			}
		}
	}()
	return events
}

// errGone is a terminal that was closed.
var errGone = errors.New("the terminal went away")

func (a *App) loop(ctx context.Context, events <-chan tcell.Event, signals *signalWatch) error {
	ended := a.ended
	redraw := time.NewTimer(0)
	defer redraw.Stop()
	var linger <-chan time.Time
	for !a.leave {
		select {
		case <-ctx.Done():
			return nil
		case <-a.shut:
			return nil
		case ev, ok := <-events:
			if !ok {
				return errGone
			}
			if bad, is := ev.(*tcell.EventError); is {
				return fmt.Errorf("%w: %w", errGone, bad)
			}
			a.event(ev)
			a.draw()
		case u := <-a.updates:
			a.take(u)
			a.soon(redraw)
		case task := <-a.tasks:
			task()
			a.soon(redraw)
		case s := <-signals.c:
			a.pause(signals.stops(s))
		case <-redraw.C:
			a.draw()
		case <-ended:
			ended = nil
			linger = a.finish()
			a.soon(redraw)
		case <-linger:
			if !a.touched {
				return nil
			}
		}
	}
	return nil
}

// take applies an update and those that wait behind it.
func (a *App) take(u model.Update) {
	a.dirty = true
	for {
		before := len(a.model.Sources())
		a.model.Apply(u)
		if a.cfg.Newest && !a.touched && before > 0 && len(a.model.Sources()) > before {
			a.do(a.model.Do(model.ActionNextTarget))
		}
		select {
		case u = <-a.updates:
		default:
			return
		}
	}
}

// finish notes that no news will come. The channel ends the dashboard.
func (a *App) finish() <-chan time.Time {
	for len(a.updates) > 0 {
		a.take(<-a.updates)
	}
	a.over = true
	if a.quitting {
		a.leave = true
		return nil
	}
	if a.cfg.Linger > 0 && !a.touched {
		a.notice(model.Info, fmt.Sprintf("%s; the dashboard closes in %s, any key keeps it", a.cfg.Ended, a.cfg.Linger))
		return time.After(a.cfg.Linger)
	}
	if a.cfg.Ended != "" {
		a.notice(model.Info, a.cfg.Ended+"; q closes the dashboard and prints the report")
	}
	return nil
}

func (a *App) notice(s model.Severity, text string) {
	a.model.Notice(s, text)
	a.dirty = true
}

// soon draws at once if the last picture is old enough, else later.
func (a *App) soon(timer *time.Timer) {
	if !a.dirty {
		return
	}
	if wait := redrawEvery - time.Since(a.drawn); wait > 0 {
		timer.Reset(wait)
		return
	}
	a.draw()
}

// later runs work beside the loop and what it returns in it.
func (a *App) later(work func() func()) {
	a.running.Go(func() {
		a.Guard(func() {
			then := work()
			select {
			case a.tasks <- then:
			case <-a.closed:
			}
		})
	})
}
