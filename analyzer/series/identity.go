package series

import "github.com/heapdrift/heapdrift/analyzer/snapshot"

// SiteKey is the key of the site that a heap stack belongs to: Site.Key.
func SiteKey(st *snapshot.Stack) string { return trimmedKey(st) }

// GroupKey is what identifies the group that a goroutine's stack belongs to:
// Group.Reason, Group.Site and Group.Root.
func GroupKey(st *snapshot.Stack) (reason, site, root string) {
	k := keyOf(st)
	return k.reason, k.site, k.root
}

// Continuity follows snapshots one by one, as they come, and tells where Build
// would cut them. The zero value has seen nothing.
type Continuity struct{ seen known }

// Next takes the next snapshot and says, in a sentence, why it cannot continue
// those before it; "" if it can. After a cut the new piece begins with it.
func (c *Continuity) Next(s *snapshot.Snapshot) (why string) {
	if why = c.seen.change(s); why != "" {
		c.seen = known{}
	}
	c.seen.add(s)
	return why
}
