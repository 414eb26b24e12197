package leaktest

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// allowed is one Allow.
type allowed struct {
	pattern, reason string
	expiry          time.Time // the last day on which it holds
	match           *regexp.Regexp
	used            bool // by NoGoroutines
}

func newAllowed(pattern, reason, expiry string) (allowed, error) {
	a := allowed{pattern: pattern, reason: reason}
	switch {
	case strings.Trim(pattern, "*. ") == "":
		return a, fmt.Errorf("Allow(%q, …): want a pattern of function names, as in \"metrics.(*Registry).*\"", pattern)
	case strings.TrimSpace(reason) == "":
		return a, fmt.Errorf("Allow(%q, …): want a reason", pattern)
	}
	var err error
	if a.expiry, err = time.Parse(time.DateOnly, expiry); err != nil {
		return a, fmt.Errorf("Allow(%q, …): want the last day on which it holds, as in 2027-03-31, not %q", pattern, expiry)
	}
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	a.match = regexp.MustCompile("(?s)^(?:.*/)?" + strings.Join(parts, ".*") + "$")
	return a, nil
}

func (a *allowed) expired(now time.Time) bool { return !now.UTC().Before(a.expiry.AddDate(0, 0, 1)) }

// accepts reports that a function of the stack matches.
func (a *allowed) accepts(stack []snapshot.Frame) bool {
	for _, f := range stack {
		if a.match.MatchString(f.Function) {
			return true
		}
	}
	return false
}

// accepting is the first of the allowances that accepts the stack, nil for
// none.
func accepting(all []allowed, stack []snapshot.Frame) *allowed {
	for i := range all {
		if all[i].accepts(stack) {
			return &all[i]
		}
	}
	return nil
}
