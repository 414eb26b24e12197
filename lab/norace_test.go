//go:build !race

package lab

// raceDetector says whether the tests were built with it. What a child keeps
// in the heap is no concern of the detector's, and measuring it costs ten
// times as much under it: those tests are left to the plain run.
const raceDetector = false
