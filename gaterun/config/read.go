package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/heapdrift/heapdrift/internal/spelling"
)

// What a file may be at most: the YAML parser takes time that grows with the
// square of the depth of nesting.
const (
	maxSize     = 256 << 10 // bytes
	maxBrackets = 2000
	maxLine     = 4096  // bytes
	maxDepth    = 32    // of aliases within aliases
	maxMappings = 20000 // read, each time that << brings one in anew
)

// Read reads a configuration. name is what errors call it. The error is of
// type Errors.
func Read(name string, data []byte) (*File, error) {
	r := &reader{file: name, anchors: map[string]ast.Node{}}
	f := &File{Name: name}
	if body := r.parse(data); body != nil {
		r.value(file(f), body)
	}
	for i := range f.Suppress {
		s := &f.Suppress[i]
		if i < len(r.suppress) {
			s.Position = fmt.Sprintf("%s:%d:%d", name, r.suppress[i].Line, r.suppress[i].Column)
		}
	}
	r.names(f)
	if len(r.errs) > 0 {
		r.errs.Sort()
		return nil, r.errs
	}
	return f, nil
}

// names refuses two scenarios of one name: reports and files go by it.
func (r *reader) names(f *File) {
	first := map[string]Position{}
	for i := range f.Scenarios {
		s := &f.Scenarios[i]
		at, twice := first[strings.ToLower(s.Name)] // names of folders, also where case does not count
		if twice && s.Name != "" {
			r.fail(s.Where("name"), "give each its own", "a scenario %q is already at line %d", s.Name, at.Line)
			continue
		}
		first[strings.ToLower(s.Name)] = s.Where("name")
	}
}

// reader collects the mistakes of one file.
type reader struct {
	file     string
	errs     Errors
	anchors  map[string]ast.Node
	suppress []Position // of the rules
	depth    int        // of mappings that are being read
	mappings int        // that were read

	// keys collects the positions of the keys of the object that remembers
	// them, under their names after prefix; nil: nobody does.
	keys   map[string]Position
	prefix string
}

func (r *reader) fail(at Position, remedy, format string, args ...any) {
	r.errs = append(r.errs, &Error{File: r.file, Position: at, Problem: fmt.Sprintf(format, args...), Remedy: remedy})
}

// want says that a value is of another sort.
func (r *reader) want(n ast.Node, what string) {
	is := "text"
	switch n.(type) {
	case *ast.MappingNode:
		is = "a mapping of keys to values"
	case *ast.SequenceNode:
		is = "a list"
	case *ast.NullNode:
		is = "nothing"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		is = "a number"
	case *ast.BoolNode:
		is = "true or false"
	}
	r.fail(position(n), "write "+what, "here is %s", is)
}

// position is where a node begins; the start of the file where nothing tells.
func position(n ast.Node) Position {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle && m.Values[0].Key != nil {
		n = m.Values[0].Key // its own token is the first colon
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return Position{t.Position.Line, t.Position.Column}
	}
	return Position{1, 1}
}

// parse returns the file's one mapping, nil where there is none.
func (r *reader) parse(data []byte) (body ast.Node) {
	start := Position{1, 1}
	if why := unreasonable(data); why != "" {
		r.fail(start, "write less", "the file is no configuration: %s", why)
		return nil
	}
	defer func() { // the parser has panicked on odd input before
		if p := recover(); p != nil {
			r.fail(start, "write plain YAML", "the file cannot be read as YAML: the parser fails (%v)", p)
			body = nil
		}
	}()
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		r.fail(syntaxPosition(err), "", "%s", syntaxMessage(err))
		return nil
	}
	var bodies []ast.Node
	for _, d := range f.Docs {
		if d != nil && d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		r.fail(start, "write scenarios: and beneath it what is to be run", "the file is empty")
		return nil
	case len(bodies) > 1:
		r.fail(position(bodies[1]), "keep one in a file", "a second document begins here")
	}
	if !r.collect(bodies[0], 0) {
		return nil
	}
	return bodies[0]
}

func unreasonable(data []byte) string {
	switch {
	case len(data) > maxSize:
		return fmt.Sprintf("it is larger than %d KiB", maxSize>>10)
	case bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > maxBrackets:
		return fmt.Sprintf("it has more than %d brackets", maxBrackets)
	}
	for line := range bytes.Lines(data) {
		if len(line) > maxLine {
			return fmt.Sprintf("a line is longer than %d bytes", maxLine)
		}
	}
	return ""
}

func syntaxPosition(err error) Position {
	var e *yaml.SyntaxError
	if errors.As(err, &e) && e.Token != nil && e.Token.Position != nil {
		return Position{e.Token.Position.Line, e.Token.Position.Column}
	}
	return Position{1, 1}
}

func syntaxMessage(err error) string {
	var e *yaml.SyntaxError
	if errors.As(err, &e) {
		return "this is no YAML: " + e.Message
	}
	return "this is no YAML"
}

// collect notes the anchors, in the order of the file. It reports false where
// something stands that no configuration needs.
func (r *reader) collect(n ast.Node, depth int) bool {
	if depth > 4*maxDepth {
		r.fail(position(n), "write less of it", "this is nested too deeply")
		return false
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if v.Value != nil && !r.collect(v.Value, depth+1) {
				return false
			}
		}
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if v != nil && !r.collect(v, depth+1) {
				return false
			}
		}
	case *ast.AnchorNode:
		if n.Name != nil && n.Value != nil {
			name := n.Name.GetToken().Value
			if _, twice := r.anchors[name]; twice {
				r.fail(position(n), "give each its own name", "the anchor &%s is there twice", name)
			}
			r.anchors[name] = n.Value
			return r.collect(n.Value, depth+1)
		}
	}
	return true
}

// resolve follows anchors and aliases to what they stand for; nil where that
// is nothing, which is told.
func (r *reader) resolve(n ast.Node) ast.Node {
	for range maxDepth {
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.AliasNode:
			name := ""
			if x.Value != nil {
				name = x.Value.GetToken().Value
			}
			to, ok := r.anchors[name]
			if !ok {
				r.fail(position(x), "define it with &"+name, "there is no anchor for the alias *%s", name)
				return nil
			}
			n = to
		case *ast.TagNode:
			r.fail(position(x), "leave it out", "the tag %s is not understood", x.GetToken().Value)
			return nil
		case *ast.MappingValueNode: // a mapping of one key, in older forms of the parser
			return ast.Mapping(x.GetToken(), false, x)
		default:
			return n
		}
	}
	if n != nil {
		r.fail(position(n), "", "an alias leads to itself")
	}
	return nil
}

// value reads a value of a kind.
func (r *reader) value(k kind, n ast.Node) {
	if n = r.resolve(n); n == nil {
		return
	}
	if k.keys == nil {
		k.read(r, n)
		return
	}
	r.object(&k, n)
}

// object reads the keys of an object.
func (r *reader) object(k *kind, n ast.Node) {
	if _, ok := n.(*ast.MappingNode); !ok {
		names := make([]string, 0, 3)
		for _, f := range k.keys[:min(3, len(k.keys))] {
			names = append(names, f.name)
		}
		r.want(n, "keys and their values, as "+strings.Join(names, ", "))
		return
	}
	keys, prefix := r.keys, r.prefix
	if k.remember != nil {
		r.keys, r.prefix = map[string]Position{}, ""
	}
	own := r.prefix
	at, has := position(n), map[string]Position{}
	if k.required("expires") { // a suppression
		r.suppress = append(r.suppress, at)
	}
	for _, f := range r.fields(n) {
		i := slices.IndexFunc(k.keys, func(x key) bool { return x.name == f.name })
		if i < 0 {
			r.unknown(k, f)
			continue
		}
		has[f.name] = f.at
		if r.keys != nil {
			r.keys[own+f.name] = f.at
		}
		r.prefix = own + f.name + "."
		r.value(k.keys[i].kind, f.value)
		r.prefix = own
	}
	for _, f := range k.keys {
		if _, ok := has[f.name]; f.required && !ok {
			r.fail(at, f.name+" is "+f.doc, "%s is missing", f.name)
		}
	}
	if k.remember != nil {
		k.remember(at, r.keys)
		r.keys, r.prefix = keys, prefix
	}
	for _, rule := range k.rules {
		rule.check(r, at, has)
	}
}

func (k *kind) required(name string) bool {
	return slices.ContainsFunc(k.keys, func(x key) bool { return x.name == name && x.required })
}

func (r *reader) unknown(k *kind, f field) {
	names := make([]string, len(k.keys))
	for i, x := range k.keys {
		names[i] = x.name
	}
	remedy := "the keys here are " + strings.Join(names, ", ")
	if right, ok := k.also[f.name]; ok {
		remedy = "did you mean " + right + "?"
	} else if near := spelling.Nearest(f.name, names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	r.fail(f.at, remedy, "unknown key %q", f.name)
}

// field is one key of a mapping with its value.
type field struct {
	name  string
	at    Position
	value ast.Node
}

// fields are the keys of a mapping in their order, those that << brings in
// first; what is written out replaces them.
func (r *reader) fields(n ast.Node) []field {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.want(n, "keys and their values")
		return nil
	}
	// Mappings within one another are few kinds of objects; only << makes more.
	r.depth++
	r.mappings++
	defer func() { r.depth-- }()
	switch {
	case r.depth > maxDepth:
		r.fail(position(n), "", "an alias leads to itself")
		return nil
	case r.mappings == maxMappings:
		r.fail(position(n), "write it out", "<< brings in too much")
		return nil
	case r.mappings > maxMappings: // told
		return nil
	}
	var merged, own []field
	for _, v := range m.Values {
		switch name, ok := r.keyName(v.Key); {
		case v.Value == nil:
		case v.Key.IsMergeKey():
			merged = append(merged, r.merged(v.Value)...)
		case ok:
			if i := slices.IndexFunc(own, func(f field) bool { return f.name == name }); i >= 0 {
				r.fail(position(v.Key), "keep one", "the key %s is already at line %d", name, own[i].at.Line)
				continue
			}
			own = append(own, field{name, position(v.Key), v.Value})
		}
	}
	var out []field
	for _, f := range merged {
		if !slices.ContainsFunc(own, func(o field) bool { return o.name == f.name }) &&
			!slices.ContainsFunc(out, func(o field) bool { return o.name == f.name }) {
			out = append(out, f)
		}
	}
	return append(out, own...)
}

// merged are the keys that << brings in: of one mapping, or of several, of
// which the first wins.
func (r *reader) merged(n ast.Node) []field {
	n = r.resolve(n)
	if list, ok := n.(*ast.SequenceNode); ok {
		var out []field
		for _, v := range list.Values {
			if v = r.resolve(v); v != nil {
				out = append(out, r.fields(v)...)
			}
		}
		return out
	}
	if n == nil {
		return nil
	}
	return r.fields(n)
}

func (r *reader) keyName(k ast.MapKeyNode) (string, bool) {
	if k == nil {
		return "", false
	}
	if k.IsMergeKey() {
		return "", true
	}
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value, true
	}
	if t := k.GetToken(); t != nil {
		switch k.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
			return t.Value, true
		}
	}
	r.fail(position(k), "write a plain word", "this cannot be a key")
	return "", false
}

// text is a value that is text; what YAML takes for something else must be
// quoted.
func (r *reader) text(n ast.Node) (string, bool) {
	switch x := r.resolve(n).(type) {
	case nil:
		return "", false
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		return x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		r.fail(position(n), fmt.Sprintf("put it in quotes: %q", x.GetToken().Value), "this is no text but a number, or true or false")
	default:
		r.want(x, "text")
	}
	return "", false
}

// scalar is the text of any one value as it is written.
func (r *reader) scalar(n ast.Node) (string, bool) {
	switch x := r.resolve(n).(type) {
	case nil:
		return "", false
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		return x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return x.GetToken().Value, true
	case *ast.NullNode:
		r.fail(position(n), "write one, or leave the key out", "there is no value")
	default:
		r.want(x, "one value")
	}
	return "", false
}
