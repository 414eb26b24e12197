package detect

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/heapdrift/heapdrift/analyzer/series"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// identify is the id of a finding: a hash of its kind and function stack
// without lines, so that it survives edits and builds.
func identify(kind Kind, key string) string {
	h := sha256.Sum256([]byte(string(kind) + "\n" + key))
	return hex.EncodeToString(h[:6])
}

// SiteID is the id of the finding about the site with a key (series.SiteKey).
func SiteID(key string) string { return identify(KindHeap, key) }

// GroupID is the id of the finding about a group of goroutines (series.GroupKey).
func GroupID(reason, site, root string) string {
	return identify(KindGoroutine, reason+"\n"+site+"\n"+root)
}

// Rank orders verdicts: 0 is the worst.
func Rank(v Verdict) int { return rank(v) }

// blame fills the culprit and the stack of f.
func (f *Finding) blame(stack *snapshot.Stack, module string) {
	if stack == nil {
		return
	}
	f.Stack = stack.Frames
	if i := series.Culprit(stack.Frames, module); i >= 0 {
		c := stack.Frames[i]
		f.Function, f.File, f.Line = c.Function, c.File, c.Line
	}
}
