// Package model is the dashboard without a terminal: it takes what is known of
// one or more targets, answers actions, and gives a picture as rows of styled
// text. It knows no terminal library, no clock, no file and no network, so that
// every screen can be tested as text.
//
// A shell owns the terminal:
//
//	m := model.New(model.DefaultConfig())
//	m.Apply(update)              // whenever something is new
//	intents := m.Do(action)      // for each key, by Bindings; m.Type while m.Typing()
//	screen := m.View(w, h)       // on each tick and after each of the above
//
// A Model is not safe for concurrent use: the shell calls it from one goroutine.
// Nothing here waits, and nothing panics on what a target says.
//
// Memory is bounded whatever the length of a session: series are thinned to a
// few hundred points of equal distance, events and probes to the last of them,
// and no snapshot is held (only the stacks of sites that are shown).
package model
