package gate

import (
	"fmt"
	"strings"
	"time"
)

// expiresSoon is how many days before its end a suppression is warned of.
const expiresSoon = 14

// dayForm is how days are written.
const dayForm = "2006-01-02"

// Rules are the suppressions of a configuration on one day. The nil Rules
// silence nothing.
type Rules struct {
	rules []Suppression
}

// NewRules prepares suppressions for a day, of which only the UTC date counts.
// The rules are copied; Site, Reason, Expires and Position are taken from them.
// An error names the rule that lacks a reason or a day.
func NewRules(rules []Suppression, today time.Time) (*Rules, error) {
	r := &Rules{rules: make([]Suppression, 0, len(rules))}
	y, m, d := today.UTC().Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	for _, s := range rules {
		s.State, s.Matched = SuppressionActive, 0
		if strings.TrimSpace(s.Site) == "" || strings.TrimSpace(s.Reason) == "" {
			return nil, fmt.Errorf("the suppression of %q lacks a site or a reason: both are mandatory", s.Site)
		}
		end, err := time.Parse(dayForm, s.Expires)
		if err != nil {
			return nil, fmt.Errorf("the suppression of %q expires on %q, which is no day; write it as 2027-03-31", s.Site, s.Expires)
		}
		s.DaysLeft = int(end.Sub(day).Hours() / 24)
		switch {
		case s.DaysLeft < 0:
			s.State = SuppressionExpired
		case s.DaysLeft <= expiresSoon:
			s.State = SuppressionExpiring
		}
		r.rules = append(r.rules, s)
	}
	return r, nil
}

// match returns the first rule that holds for a function, nil where none does.
func (r *Rules) match(function string) *Suppression {
	if r == nil {
		return nil
	}
	for i := range r.rules {
		if s := &r.rules[i]; s.State != SuppressionExpired && MatchSite(s.Site, function) {
			used := *s
			return &used
		}
	}
	return nil
}

// settle gives every rule its last word. all says that every scenario was run
// and judged: only then is a rule without a match unused.
func (r *Rules) settle(scenarios []Scenario, all bool) (rules []Suppression, problems []Problem, warnings []string) {
	if r == nil {
		return []Suppression{}, nil, nil
	}
	for _, sc := range scenarios {
		for _, f := range sc.Findings {
			for i := range r.rules {
				if s := f.Suppressed; s != nil && s.Site == r.rules[i].Site && s.Position == r.rules[i].Position {
					r.rules[i].Matched++
				}
			}
		}
	}
	for i := range r.rules {
		s := &r.rules[i]
		at := ""
		if s.Position != "" {
			at = s.Position + ": "
		}
		switch {
		case s.State == SuppressionExpired:
			problems = append(problems, Problem{Failed, fmt.Sprintf("%sthe suppression of %s (%s) expired on %s: mend the leak, or give it a new day with a new reason", at, s.Site, s.Reason, s.Expires)})
		case s.Matched == 0 && all:
			s.State = SuppressionUnused
			warnings = append(warnings, fmt.Sprintf("%sthe suppression of %s (%s) silenced nothing: take it out", at, s.Site, s.Reason))
		case s.State == SuppressionExpiring:
			warnings = append(warnings, fmt.Sprintf("%sthe suppression of %s (%s) expires in %s, on %s", at, s.Site, s.Reason, plural(s.DaysLeft, "day"), s.Expires))
		}
	}
	return append([]Suppression{}, r.rules...), problems, warnings
}

// MatchSite reports whether a suppression's pattern holds for a function: "*"
// is any text, also none, and all else is itself. The pattern may leave out the
// directories of the package: "metrics.(*Registry).*" holds for
// "example.com/shop/metrics.(*Registry).Counter". O(pattern × function).
func MatchSite(pattern, function string) bool {
	if glob(pattern, function) {
		return true
	}
	end := len(function)
	if i := strings.IndexAny(function, "[("); i >= 0 {
		end = i // type arguments and receivers may hold slashes
	}
	slash := strings.LastIndexByte(function[:end], '/')
	return slash >= 0 && glob(pattern, function[slash+1:])
}

func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
