//go:build race

package detect

// underRace says that these tests run with the race detector.
const underRace = true
