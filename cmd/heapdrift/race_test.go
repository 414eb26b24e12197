//go:build race

package main

// underRace says that these tests run with the race detector, which makes the
// demo's services several times slower and larger.
const underRace = true
