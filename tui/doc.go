// Package tui shows the dashboard in a terminal: it owns the screen, the keys
// and the mouse, gives the colours, and does what the model wishes for (copy,
// edit, write a file). What is shown, and what a key means, is [model]'s; where
// the news come from is the caller's:
//
//	d := tui.New(tui.Config{Quit: cancel})
//	go func() { …; d.Send(update); …; d.End() }()
//	err := d.Run(ctx)
//
// Everything that touches the model runs in the goroutine of Run. The terminal
// is given back whatever happens: at the end, when ctx ends, after a panic,
// while an editor is open, and while the process is stopped.
package tui
