// Package lab is a set of leaks whose truth is known: the whole pipeline, run
// as a service, in pairs of a leaky and a mended variant that differ in one
// stage or hand-off. Each scenario brings the documents to load it with and
// what a leak detector should say about either variant. Controls have a mended
// variant only: healthy services that look like a leak to a careless eye.
//
// A scenario NAME is
//
//	leakscenarios/NAME, fixed/NAME   the one stage, leaky and mended
//	lab/NAME.go                      func NAME(name string) Scenario: stream, truth, swap
//	lab/NAME_test.go                 what the two stages do and keep
//	docs/NAME.md                     the story
//
// and one line in registry. Its swap puts a variant's part into the assembly:
// the reader, a stage of the pipeline's Config, a collector of metrics, work in
// the background, or something to close. Scenario.Load is for what cannot be
// shown under the usual load; LeakyTruth.Kept is for growth that is no straight
// line.
//
// Every variant passes TestEveryVariantIsCorrect, and what it keeps is measured
// by TestTheTruthIsTrue against its truth.
package lab
