package output

import (
	"net/url"
	"path"
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/gate"
)

// place is a file with a line, as a code host wants them: relative to the
// repository, with slashes.
type place struct {
	File string
	Line int // 1 at the least
}

// placeOf finds a finding's culprit in the repository. What it has no file for,
// and what lies outside of the repository, is put at the configuration: a code
// host shows no result without a place. inside tells the two apart.
func placeOf(r *gate.Report, s *gate.Scenario, f *gate.Finding, root string) (p place, inside bool) {
	if f != nil {
		if file := relative(f.Function, f.File, s.Module, root); file != "" {
			return place{file, max(1, f.Line)}, true
		}
	}
	config := r.Config
	if config == "" {
		config = "heapdrift.yaml"
	}
	if file := below(slashed(config), root); file != "" {
		config = file
	}
	return place{strings.TrimPrefix(slashed(config), "/"), 1}, false
}

// relative is a source file's path in the repository at root: that of the
// compiler where it lies below root; else, of a build elsewhere or with
// -trimpath, that of the package within its module. "" where neither is so.
func relative(function, file, module, root string) string {
	file = slashed(file)
	if in := below(file, root); in != "" {
		return in
	}
	if module == "" || file == "" {
		return ""
	}
	if in, ok := strings.CutPrefix(file, module+"/"); ok { // -trimpath
		return in
	}
	pkg := packageOf(function)
	if pkg == "main" {
		return ""
	}
	switch in, ok := strings.CutPrefix(pkg, module); {
	case ok && in == "":
		return path.Base(file)
	case ok && strings.HasPrefix(in, "/") && strings.HasSuffix(path.Dir(file), in):
		return in[1:] + "/" + path.Base(file)
	}
	return ""
}

// below is file relative to root, "" where it is not below it.
func below(file, root string) string {
	if root = strings.TrimSuffix(slashed(root), "/"); root == "" {
		return ""
	}
	in, ok := strings.CutPrefix(file, root+"/")
	if !ok || in != path.Clean(in) || strings.HasPrefix(in, "../") {
		return ""
	}
	return in
}

func slashed(s string) string { return strings.ReplaceAll(s, `\`, "/") }

// packageOf is the import path of a function's package.
func packageOf(function string) string {
	base := strings.LastIndexByte(function, '/') + 1
	dot := strings.IndexByte(function[base:], '.')
	if dot < 0 {
		return ""
	}
	return function[:base+dot]
}

// uri escapes a path for a URI; slashes stay. A relative one whose first part
// has a colon would be taken for a scheme, so it begins with "./".
func uri(file string) string { return (&url.URL{Path: file}).String() }
