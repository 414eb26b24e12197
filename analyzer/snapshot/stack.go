package snapshot

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/pprof/profile"
)

// Frame is one function call, inlined calls included.
type Frame struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// Package is the import path of a function's package: "net/http" of
// "net/http.(*conn).serve", "gopkg.in/yaml%2ev3" as the symbol has it.
func Package(function string) string {
	path, _, _ := strings.Cut(function, "[") // type arguments may hold slashes
	slash := strings.LastIndexByte(path, '/')
	dot := strings.IndexByte(function[slash+1:], '.')
	if dot < 0 {
		return function
	}
	return function[:slash+1+dot]
}

// Stack is a call stack, the leaf first. Equal stacks of one Interner are the
// same pointer.
type Stack struct {
	Frames []Frame
	Key    string // of Frames
}

// Key is the functions of frames alone, leaf first, joined by newlines: the
// identity of a site within a build.
func Key(frames []Frame) string {
	names := make([]string, len(frames))
	for i, f := range frames {
		names[i] = f.Function
	}
	return strings.Join(names, "\n")
}

// Interner gives one *Stack to equal stacks, so that the snapshots of a run
// share them. It is not safe for concurrent use. The zero value is not ready:
// call NewInterner.
type Interner struct {
	frames map[Frame]uint32  // the number of each frame
	stacks map[string]*Stack // by the numbers of their frames, four bytes each
}

// NewInterner returns an empty Interner.
func NewInterner() *Interner {
	return &Interner{frames: map[Frame]uint32{}, stacks: map[string]*Stack{}}
}

// stacker interns the stacks of one profile. A profile repeats its locations
// in many samples, and a run its stacks in all snapshots: a location is looked
// at once a profile, and a stack that is known costs one look-up and no
// allocation.
type stacker struct {
	in        *Interner
	locations map[*profile.Location]location
	id        []byte // of the stack at hand
}

// location is the frames of a location, the innermost inlined call first, and
// their numbers.
type location struct {
	frames []Frame
	id     []byte
}

func (in *Interner) stacker(p *profile.Profile) *stacker {
	return &stacker{in: in, locations: make(map[*profile.Location]location, len(p.Location))}
}

func (st *stacker) stack(s *profile.Sample) *Stack {
	st.id = st.id[:0]
	for _, l := range s.Location {
		st.id = append(st.id, st.at(l).id...)
	}
	if known, ok := st.in.stacks[string(st.id)]; ok {
		return known
	}
	out := &Stack{}
	for _, l := range s.Location {
		out.Frames = append(out.Frames, st.at(l).frames...)
	}
	out.Key = Key(out.Frames)
	st.in.stacks[string(st.id)] = out
	return out
}

// at is a location's frames: none of a nil one, its address where it names no
// function.
func (st *stacker) at(l *profile.Location) location {
	if l == nil {
		return location{}
	}
	if known, ok := st.locations[l]; ok {
		return known
	}
	var out location
	for _, ln := range l.Line {
		if ln.Function != nil {
			out.frames = append(out.frames, Frame{
				Function: collapse(ln.Function.Name),
				File:     ln.Function.Filename,
				Line:     int(ln.Line),
			})
		}
	}
	if len(l.Line) == 0 && l.Address != 0 { // stripped, or of a foreign library
		out.frames = append(out.frames, Frame{Function: fmt.Sprintf("0x%x", l.Address)})
	}
	for _, f := range out.frames {
		n, ok := st.in.frames[f]
		if !ok {
			n = uint32(len(st.in.frames))
			st.in.frames[f] = n
		}
		out.id = binary.LittleEndian.AppendUint32(out.id, n)
	}
	st.locations[l] = out
	return out
}

var typeArgs = regexp.MustCompile(`\[[^\[\]]*\]`)

// collapse replaces type arguments by "[...]", so that instantiations of one
// generic function are one function.
func collapse(name string) string {
	if !strings.Contains(name, "[") || strings.HasSuffix(name, "[...]") && strings.Count(name, "[") == 1 {
		return name
	}
	const mark = "\x01"
	for {
		next := typeArgs.ReplaceAllString(name, mark)
		if next == name {
			break
		}
		name = next
	}
	return strings.ReplaceAll(name, mark, "[...]")
}
