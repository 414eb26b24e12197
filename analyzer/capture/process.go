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

// residentOf reads it of a local process; zero where there is no /proc.
func residentOf(pid int) resident {
	if pid <= 0 {
		return resident{}
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return resident{}
	}
	return parseStatus(b)
}

// parseStatus reads the text of /proc/PID/status.
func parseStatus(b []byte) (r resident) {
	for line := range bytes.Lines(b) {
		name, value, _ := strings.Cut(string(line), ":")
		number, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		kib, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
		if !ok || err != nil || kib >= 1<<52 {
			continue
		}
		switch name {
		case "VmRSS":
			r.all = kib << 10
		case "RssAnon":
			r.anon = kib << 10
		}
	}
	return r
}
