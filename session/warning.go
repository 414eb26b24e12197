package session

import (
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Codes of the warnings of a run or a recording.
const (
	WarnTargetLacks       = "target-lacks"              // a piece that a verdict needs
	WarnPieceMissing      = "piece-missing"             // in most snapshots
	WarnPortsUnknown      = "ports-unknown"             // of the command
	WarnBundleElsewhere   = "bundle-elsewhere"          // than in the usual folder
	WarnSnapshotFailed    = "snapshot-failed"           // one that is left out
	WarnSnapshotsFailed   = "snapshots-failed"          // how many are left out
	WarnNoLastSnapshot    = "no-last-snapshot"          // of a run that was ended
	WarnNoOperationCount  = "no-operation-count"        // of a snapshot
	WarnSnapshotNotKept   = "snapshot-not-kept"         // in the bundle
	WarnProbeNotKept      = "probe-not-kept"            // likewise
	WarnHeaderNotKept     = "header-not-kept"           // likewise
	WarnCommandEndedBadly = "command-ended-badly"       // after the run
	WarnTargetDied        = "target-died"               // in the middle of the run
	WarnInterrupted       = "interrupted"               // by whoever began the run
	WarnEndedEarly        = "ended-early"               // by a limit, or by a leak that was found
	WarnOperationsFailed  = "operations-failed"         // a part of them
	WarnAnswersDiffer     = "answers-differ"            // a part of the successes, from the first
	WarnRefused           = "operations-refused"        // all of them
	WarnRateMissed        = "rate-missed"               // which is no clean run where that was asked for
	WarnOwnSamplingRate   = "own-sampling-rate"         // of the program
	WarnLoadNotValid      = string(detect.LoadNotValid) // the reason alone: package report has the rest
)

// sentence is what a warning says to r.
func sentence(w snapshot.Warning, r report.Reader) string {
	return strings.Join(report.Warnings(detected([]snapshot.Warning{w}), r), "; ")
}

// detected are warnings as a result holds them.
func detected(all []snapshot.Warning) []detect.Warning {
	out := make([]detect.Warning, 0, len(all))
	for _, w := range all {
		out = append(out, detect.Warning{Code: detect.Code(w.Code), Text: w.Text})
	}
	return out
}
