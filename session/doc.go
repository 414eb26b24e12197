// Package session runs one measurement from its start to its verdict: it starts
// the program under test, drives the load, takes the snapshots, keeps them in
// a bundle, and asks for a judgement. It is the composition root of a live run:
// harness, capture and detect meet here and know nothing of each other.
//
// What happens when something breaks is decided here, by one rule: whatever
// was captured is kept and judged. A target that dies in the middle, a load
// that is interrupted, a snapshot that fails: each leaves an [Outcome] that
// says so, and an error is returned only where there is nothing to judge.
package session
