// Package harness is an open-loop load generator: operations arrive at their
// intended times whatever the target does, and latency counts from the
// intended time, so that a target that stands still cannot hide it.
//
// A [Load] is made of a [Target] (a Go function, or HTTP through [NewHTTP]) and
// a [Plan], and runs once:
//
//	idle → warm-up → steady (one or more passes) → drain
//
// At the plan's marks it calls [Plan.OnMark]: that is where a snapshot of the
// target is taken. The harness knows nothing of what is done there.
//
// # Arrivals
//
// A [Pacer] is a pure function of elapsed time and arrivals so far. One
// goroutine asks it how many arrivals are due, hands them over in one batch and
// sleeps; it never dials, never starts an operation and never waits for one.
// Up to MaxInFlight workers, created when first needed, start the arrivals in
// order; of operations that take next to nothing a worker claims many at once,
// and gives back what it has not started when one of them blocks. What finds all of them busy waits with its intended time, up to
// Plan.Queue arrivals; what finds the queue full is shed and counted. A queue
// of consecutive arrivals is one entry, because the intended time of each is
// the pacer's to recompute: a million waiting arrivals take a few bytes.
//
// # HTTP
//
// HTTP/1.1 without TLS is written and read by the worker itself, with net/http's
// codec, over connections of the harness: http.Transport hands each operation
// between five goroutines, at twice the CPU time. All else goes through
// http.Transport.
//
// # The intended clock
//
// Each phase has a clock that the arrivals follow. With Plan.Quiesce it stands
// still from the moment at which arrivals are held for a mark until they go
// on: the hold is no latency, and the phase ends later by as much. Without it,
// marks run beside the pacer and arrivals go on.
//
// # Child processes
//
// [Start] runs a command whose end is noticed at once, whose log's tail is
// kept, and which does not outlive the harness.
package harness
