package capture

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// AnonymousRSS is the name under which the exact counters hold the resident
// memory that no file backs, in bytes: runtime.MemStats has nothing of the kind.
const AnonymousRSS = "RssAnon"

// resident is the resident memory of a process, in bytes; 0 is not known.
type resident struct {
	all  uint64 // VmRSS
	anon uint64 // RssAnon (Linux 4.5 and later): what no file backs
}

// residentOf reads it of a local process; ok is false where there is no /proc.
func residentOf(pid int) (r resident, ok bool) {
	if pid <= 0 {
		return r, false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return r, false
	}
	r = parseStatus(b)
	return r, r.all > 0
}

// parseStatus reads the text of /proc/PID/status.
func parseStatus(b []byte) (r resident) {
	for line := range bytes.Lines(b) {
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		var to *uint64
		switch name {
		case "VmRSS":
			to = &r.all
		case "RssAnon":
			to = &r.anon
		default:
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if kib, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64); ok && err == nil && kib < 1<<52 {
			*to = kib << 10
		}
	}
	return r
}

// residentSet is the VmRSS of a local process, in bytes; not known where there
// is no /proc.
func residentSet(pid int) (uint64, bool) {
	r, ok := residentOf(pid)
	return r.all, ok
}
