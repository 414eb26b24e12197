package capture

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// Thresholds of telling programs apart by their own functions (those of the
// main module): sampling shows few of them, so two sets are compared only when
// each has several.
const (
	ownFramesToJudge = 3
	sharedEnough     = 0.5 // of the smaller set: one program, renamed or rebuilt
)

// program is the profiles of one main binary.
type program struct {
	name   string // base name of the binary; empty where the profiles do not say
	builds map[string]bool
	pieces []*loosePiece
	own    map[string]bool // functions of the main module, with their files
}

// oneProgram keeps the profiles of one program. Profiles with one build id (of
// the first mapping, which is the main binary) are one program, and without an
// id those with one binary name whose functions overlap. Groups that share
// half of their functions are one program too, renamed or rebuilt. The
// majority is kept and the odd ones named; without a majority the folder is
// refused. Texts, which name no binary, stay.
func oneProgram(pieces []*loosePiece, label string) (kept []*loosePiece, name string, warnings []snapshot.Warning, err error) {
	byName := map[string]*program{}
	var texts []*loosePiece
	for _, p := range pieces {
		if p.kind == counterPiece {
			texts = append(texts, p)
			continue
		}
		n := binaryName(p.binary)
		key := cmp.Or(p.build, "name "+n)
		g := byName[key]
		if g == nil {
			g = newProgram(n)
			byName[key] = g
		}
		p.own = ownFrames(p)
		g.add(p)
	}
	var groups []*program
	for _, key := range slices.Sorted(maps.Keys(byName)) {
		groups = append(groups, byName[key].split()...)
	}
	largest := func(a, b *program) int {
		return cmp.Or(len(b.pieces)-len(a.pieces), strings.Compare(a.name, b.name), naturally(a.pieces[0].name(), b.pieces[0].name()))
	}
	slices.SortFunc(groups, largest)
	groups = merge(groups)
	slices.SortFunc(groups, largest)
	switch {
	case len(groups) == 0:
		return pieces, "", nil, nil
	case len(groups) > 1 && 2*len(groups[0].pieces) <= len(pieces)-len(texts):
		var names []string
		for _, g := range groups {
			names = append(names, fmt.Sprintf("%s (%s: %s)", g, count(len(g.pieces), "file"), some(paths(g.pieces))))
		}
		return nil, "", nil, &InputError{
			Path: label, Problem: fmt.Sprintf("the profiles are of %d programs: %s", len(groups), strings.Join(names, "; ")),
			Remedy: "keep those of one program in a folder",
		}
	}
	for _, g := range groups[1:] {
		warnings = append(warnings, warning(OtherProgram, "%s passed over, of another program than %s (%s): %s", count(len(g.pieces), "profile"), groups[0], g, some(paths(g.pieces))))
	}
	if n := len(groups[0].builds); n > 1 {
		warnings = append(warnings, warning(SeveralBuilds, "the profiles are of %d builds of %s: between them it was restarted", n, groups[0]))
	}
	return append(groups[0].pieces, texts...), groups[0].name, warnings, nil
}

func newProgram(name string) *program {
	return &program{name: name, builds: map[string]bool{}, own: map[string]bool{}}
}

func (g *program) add(p *loosePiece) {
	g.pieces = append(g.pieces, p)
	maps.Copy(g.own, p.own)
	if p.build != "" {
		g.builds[p.build] = true
	}
}

func (g *program) String() string {
	if g.name == "" {
		return "a program without a name"
	}
	return g.name
}

// split takes a group of equally named binaries without build ids apart by
// their functions: two services are often both called "server". Profiles are
// added to clusters in turn, those with most functions first. A group of one
// build stays whole.
func (g *program) split() []*program {
	if len(g.builds) > 0 {
		return []*program{g}
	}
	order := slices.Clone(g.pieces)
	slices.SortStableFunc(order, func(a, b *loosePiece) int { return len(b.own) - len(a.own) })
	var out []*program
	for _, p := range order {
		i := slices.IndexFunc(out, func(c *program) bool {
			return min(len(p.own), len(c.own)) < ownFramesToJudge || shared(p.own, c.own) > 0
		})
		if i < 0 {
			i = len(out)
			out = append(out, newProgram(g.name))
		}
		out[i].add(p)
	}
	return out
}

// merge joins groups of one program into the larger. Groups come largest
// first.
func merge(groups []*program) []*program {
	var out []*program
	for _, g := range groups {
		i := slices.IndexFunc(out, func(m *program) bool { return sameProgram(m, g) })
		if i < 0 {
			out = append(out, g)
			continue
		}
		m := out[i]
		m.pieces = append(m.pieces, g.pieces...)
		maps.Copy(m.own, g.own)
		maps.Copy(m.builds, g.builds)
		m.name = cmp.Or(m.name, g.name)
	}
	return out
}

// sameProgram compares two groups by their functions, and by name where too
// few functions are known.
func sameProgram(a, b *program) bool {
	if small := min(len(a.own), len(b.own)); small >= ownFramesToJudge {
		return float64(shared(a.own, b.own)) >= sharedEnough*float64(small)
	}
	return a.name == b.name || a.name == "" || b.name == ""
}

func shared(a, b map[string]bool) int {
	if len(a) > len(b) {
		a, b = b, a
	}
	n := 0
	for k := range a {
		if b[k] {
			n++
		}
	}
	return n
}

// ownFrames are the functions of a profile's main module, with the files that
// hold them: every program has a main.main, but not in the same file. Modules
// that it requires do not count, since unlike programs share them: their files
// carry @version or lie in a vendor folder. Paths are cut to their last three
// parts, since a build elsewhere moves them.
func ownFrames(p *loosePiece) map[string]bool {
	own := map[string]bool{}
	add := func(s *snapshot.Stack) {
		for _, f := range s.Frames {
			if strings.Contains(f.File, "@") || strings.Contains(f.File, "/vendor/") {
				continue
			}
			if pkg := snapshot.Package(f.Function); pkg == "main" || strings.Contains(strings.SplitN(pkg, "/", 2)[0], ".") {
				own[f.Function+" "+tail(f.File)] = true
			}
		}
	}
	if p.heap != nil {
		for _, s := range p.heap.Samples {
			add(s.Stack)
		}
	}
	if p.routines != nil {
		for _, s := range p.routines.Samples {
			add(s.Stack)
		}
	}
	return own
}

func tail(file string) string {
	parts := strings.Split(file, "/")
	return strings.Join(parts[max(0, len(parts)-3):], "/")
}

// binaryName is the base name of a binary; empty for what is not one.
func binaryName(file string) string {
	file = strings.TrimSuffix(strings.TrimSpace(file), " (deleted)")
	if file == "" || strings.HasPrefix(file, "[") || strings.HasPrefix(file, "//anon") {
		return ""
	}
	return strings.TrimSuffix(path.Base(strings.ReplaceAll(file, `\`, "/")), ".exe")
}

func paths(pieces []*loosePiece) []string {
	var out []string
	for _, p := range pieces {
		out = append(out, p.file.String())
	}
	slices.SortFunc(out, naturally)
	return out
}
