package series

import (
	"strings"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// standard holds the first path elements of the standard library's packages
// (go list std, Go 1.26).
var standard = map[string]bool{
	"archive": true, "bufio": true, "bytes": true, "cmd": true, "cmp": true, "compress": true,
	"container": true, "context": true, "crypto": true, "database": true, "debug": true,
	"embed": true, "encoding": true, "errors": true, "expvar": true, "flag": true, "fmt": true,
	"go": true, "hash": true, "html": true, "image": true, "index": true, "internal": true,
	"io": true, "iter": true, "log": true, "maps": true, "math": true, "mime": true, "net": true,
	"os": true, "path": true, "plugin": true, "reflect": true, "regexp": true, "runtime": true,
	"slices": true, "sort": true, "strconv": true, "strings": true, "structs": true, "sync": true,
	"syscall": true, "testing": true, "text": true, "time": true, "unicode": true, "unique": true,
	"unsafe": true, "vendor": true, "weak": true,
}

// Package is the import path of a function's package: "net/http" of
// "net/http.(*conn).serve", "gopkg.in/yaml%2ev3" as the symbol has it.
func Package(function string) string {
	slash := strings.LastIndexByte(function, '/')
	// Type arguments may hold slashes: look only before them.
	if b := strings.IndexByte(function, '['); b >= 0 && slash > b {
		slash = strings.LastIndexByte(function[:b], '/')
	}
	dot := strings.IndexByte(function[slash+1:], '.')
	if dot < 0 {
		return function
	}
	return function[:slash+1+dot]
}

// Standard reports whether f belongs to the standard library. A symbol without
// a package (an address, an assembly stub, C code) counts as standard: nobody
// can mend it in Go source of theirs. A package whose first element looks
// standard but whose file lies elsewhere (a module named "text") is not.
func Standard(f snapshot.Frame) bool {
	pkg := Package(f.Function)
	first, _, _ := strings.Cut(pkg, "/")
	if pkg == f.Function || strings.HasPrefix(first, "type:") || strings.HasPrefix(first, "go:") {
		return true
	}
	if !standard[first] {
		return false
	}
	return f.File == "" || !strings.HasSuffix(f.File, ".go") || strings.Contains(strings.ReplaceAll(f.File, "\\", "/"), pkg+"/")
}

// Dependency reports whether f's file is of a module at a version, or vendored.
func Dependency(f snapshot.Frame) bool {
	file := strings.ReplaceAll(f.File, "\\", "/")
	return strings.Contains(file, "@") || strings.Contains(file, "/vendor/") || strings.HasPrefix(file, "vendor/")
}

// Culprit is the index of the frame to show of a stack (METHOD.md, section 8):
// the first of package prefix module, where one is given and present; else the
// first that is neither the standard library's nor a dependency's; else the
// first that is not the standard library's; else 0. It is −1 for no frames.
func Culprit(frames []snapshot.Frame, module string) int {
	if len(frames) == 0 {
		return -1
	}
	if module != "" {
		for i, f := range frames {
			if p := Package(f.Function); p == module || strings.HasPrefix(p, strings.TrimSuffix(module, "/")+"/") {
				return i
			}
		}
	}
	for i, f := range frames {
		if !Standard(f) && !Dependency(f) {
			return i
		}
	}
	if i := firstForeign(frames); i >= 0 {
		return i
	}
	return 0
}

// firstForeign is the first frame outside the standard library, −1 for none.
func firstForeign(frames []snapshot.Frame) int {
	for i, f := range frames {
		if !Standard(f) {
			return i
		}
	}
	return -1
}

// Trim drops the standard library's frames at the leaf, so that the many ways
// in which fmt or bufio allocate for one caller are one site. A stack of
// standard frames only is left whole.
func Trim(frames []snapshot.Frame) []snapshot.Frame {
	if i := firstForeign(frames); i > 0 {
		return frames[i:]
	}
	return frames
}

// Enclosing is the function in whose body a function literal or a go
// statement's wrapper was written: "p.(*T).M" of "p.(*T).M.func1.gowrap2",
// and the name itself for anything else.
func Enclosing(function string) string {
	for {
		dot := strings.LastIndexByte(function, '.')
		if dot < 0 || !literal(function[dot+1:]) {
			return function
		}
		function = function[:dot]
	}
}

// literal reports whether s names a literal within a function: func1, gowrap2,
// deferwrap1, 1 (nested), or func1-range2.
func literal(s string) bool {
	s, _, _ = strings.Cut(s, "-range")
	for _, p := range []string{"func", "gowrap", "deferwrap"} {
		if r, ok := strings.CutPrefix(s, p); ok {
			s = r
			break
		}
	}
	if s == "" {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// WaitReason infers what a parked goroutine waits for from the runtime's and
// sync's frames at its leaf, in the words of a goroutine dump; "" for one that
// runs or is not known.
func WaitReason(frames []snapshot.Frame) string {
	reason := ""
	for _, f := range frames {
		if !Standard(f) {
			break
		}
		if r, ok := waits[f.Function]; ok {
			reason = r
		}
	}
	if reason == "" && len(frames) > 0 && strings.HasPrefix(frames[0].Function, "syscall.") {
		return "syscall"
	}
	return reason
}

// waits maps frames to reasons; the outermost standard frame that matches
// decides, so that sync.(*Mutex).Lock wins over semacquire.
var waits = map[string]string{
	"runtime.chansend1":                     "chan send",
	"runtime.chansend":                      "chan send",
	"runtime.chanrecv":                      "chan receive",
	"runtime.chanrecv1":                     "chan receive",
	"runtime.chanrecv2":                     "chan receive",
	"runtime.selectgo":                      "select",
	"runtime.block":                         "select (no cases)",
	"runtime.semacquire1":                   "semacquire",
	"sync.runtime_SemacquireMutex":          "sync.Mutex.Lock",
	"internal/sync.runtime_SemacquireMutex": "sync.Mutex.Lock",
	"sync.(*Mutex).Lock":                    "sync.Mutex.Lock",
	"internal/sync.(*Mutex).Lock":           "sync.Mutex.Lock",
	"sync.runtime_SemacquireRWMutexR":       "sync.RWMutex.RLock",
	"sync.(*RWMutex).RLock":                 "sync.RWMutex.RLock",
	"sync.runtime_SemacquireRWMutex":        "sync.RWMutex.Lock",
	"sync.(*RWMutex).Lock":                  "sync.RWMutex.Lock",
	"sync.runtime_SemacquireWaitGroup":      "sync.WaitGroup.Wait",
	"sync.(*WaitGroup).Wait":                "sync.WaitGroup.Wait",
	"sync.runtime_notifyListWait":           "sync.Cond.Wait",
	"sync.(*Cond).Wait":                     "sync.Cond.Wait",
	"time.Sleep":                            "sleep",
	"runtime.netpollblock":                  "IO wait",
	"internal/poll.runtime_pollWait":        "IO wait",
	"os/signal.signal_recv":                 "signal wait",
}
