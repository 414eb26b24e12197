// Package capture is the rim of the analyzer: all of its network and file
// input, and the run bundle.
//
// A [Client] asks one Go process over HTTP (or a unix socket) for its profiles
// and exact counters and makes one [snapshot.Raw] of them; [Bundle] keeps
// snapshots on disk; [Open] reads them back, from a bundle, a zip of one, or a
// folder of pprof files that another tool left.
//
// Everything read is outside data: each answer and each file has a limit in
// bytes (before and after decompression), each request a limit in time that
// covers the body, and what cannot be used becomes a sentence with a remedy:
// a [TargetError], an [InputError], or a warning where the rest is still of use.
package capture
