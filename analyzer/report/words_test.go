package report

import "testing"

func TestSentencesNameFunctionsShortly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"a function of a package in folders", "in example.com/a/b.(*T).M.func1, begun as example.com/a/b.Run", "in b.(*T).M.func1, begun as b.Run"},
		{"a level over a number of sites", "at α = 0.01/4 sites", "at α = 0.01/4 sites"},
		{"a rate", "keeps 1.5 B/op", "keeps 1.5 B/op"},
		{"an address", "see http://host/a.b", "see http://host/a.b"},
		{"main", "in main.work", "in main.work"},
	} {
		if got := sentence([]string{c.in}); got != c.want {
			t.Errorf("%s: sentence(%q) = %q, want %q", c.name, c.in, got, c.want)
		}
	}
}
