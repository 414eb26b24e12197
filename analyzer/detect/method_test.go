package detect

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The lists of docs/METHOD.md are the tables of rules: names, verdicts and order.
func TestMethodListsTheRules(t *testing.T) {
	text, err := os.ReadFile("../../docs/METHOD.md")
	if err != nil {
		t.Fatal(err)
	}
	item := regexp.MustCompile("(?m)^(\\d+)\\. \\*\\*([^*]+)\\*\\* \\((?:`([a-z]+)`|unknown)\\)")
	for section, table := range map[string][]Rule{"Totals": totalRules(), "Sites": siteRules(), "Goroutines": groupRules()} {
		_, rest, ok := strings.Cut(string(text), "\n## "+section+"\n")
		if !ok {
			t.Errorf("METHOD.md has no section %q", section)
			continue
		}
		body, _, _ := strings.Cut(rest, "\n## ")
		said := item.FindAllStringSubmatch(body, -1)
		if len(said) != len(table) {
			t.Errorf("%s: METHOD.md lists %d rules, the table has %d", section, len(said), len(table))
			continue
		}
		for i, r := range table {
			if said[i][2] != r.Name || said[i][3] != string(r.Verdict) {
				t.Errorf("%s, rule %d: METHOD.md says %q (%q), the table %q (%q)", section, i+1, said[i][2], said[i][3], r.Name, r.Verdict)
			}
		}
	}
}
