package entity

import (
	"embed"
	"fmt"
	"strings"
)

// gazetteerFiles holds one name a line; a line that begins with # is a comment.
//
//go:embed gazetteer/*.txt
var gazetteerFiles embed.FS

// gazetteer knows names. Its maps are keyed by the name as it is written, with
// single spaces.
type gazetteer struct {
	known  map[string]Kind // whole names of places and organisations
	begins map[string]int  // first words of those: the words of the longest
	given  map[string]bool // given names of persons
	heads  map[string]Kind // last words that make a capitalised run a place or an organisation
}

// builtIn reads the files that are built in. They are part of the program: a
// file that cannot be read is a broken build.
func builtIn() gazetteer {
	g := gazetteer{
		known: map[string]Kind{}, begins: map[string]int{},
		given: map[string]bool{}, heads: map[string]Kind{},
	}
	g.add("places", Place)
	g.add("organisations", Organisation)
	each("given", func(name string) { g.given[name] = true })
	each("placeheads", func(name string) { g.heads[name] = Place })
	each("organisationheads", func(name string) { g.heads[name] = Organisation })
	return g
}

func (g gazetteer) add(file string, kind Kind) {
	each(file, func(name string) {
		g.known[name] = kind
		first, _, _ := strings.Cut(name, " ")
		g.begins[first] = max(g.begins[first], 1+strings.Count(name, " "))
	})
}

func each(file string, use func(name string)) {
	b, err := gazetteerFiles.ReadFile("gazetteer/" + file + ".txt")
	if err != nil {
		panic(fmt.Sprintf("read the built-in gazetteer %s: %v", file, err))
	}
	for line := range strings.Lines(string(b)) {
		if name := strings.TrimSpace(line); name != "" && name[0] != '#' {
			use(name)
		}
	}
}
