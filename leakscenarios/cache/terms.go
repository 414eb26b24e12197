package cache

import "strings"

// terms are the rules of one page.
type terms struct {
	rules []rule
}

// rule speaks of the documents whose id begins with a prefix, a view of the
// page's text.
type rule struct {
	prefix string
	allow  bool
}

// parse reads lines "allow: PREFIX" and "disallow: PREFIX"; others are passed
// over.
func parse(text string) *terms {
	t := &terms{rules: make([]rule, 0, strings.Count(text, "\n")+1)}
	for line := range strings.Lines(text) {
		name, prefix, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "allow":
			t.rules = append(t.rules, rule{strings.TrimSpace(prefix), true})
		case "disallow":
			t.rules = append(t.rules, rule{strings.TrimSpace(prefix), false})
		}
	}
	return t
}

// allow reports whether a document may be used: the longest prefix counts, and
// what no rule speaks of may.
func (t *terms) allow(id string) bool {
	allowed, longest := true, 0
	for _, r := range t.rules {
		if len(r.prefix) > longest && strings.HasPrefix(id, r.prefix) {
			allowed, longest = r.allow, len(r.prefix)
		}
	}
	return allowed
}
