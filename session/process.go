package session

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// limits are what bounds the memory of a process of this machine; 0 is none, or
// not known.
type limits struct {
	GoMemLimit int64 // GOMEMLIMIT of its environment, bytes
	GOGC       int   // of its environment, percent; −1: off
	Cgroup     int64 // the least limit of its control groups, bytes
}

// limitsOf reads the limits of a local process. What cannot be read (another
// user's environment, no /proc) is left out.
func limitsOf(pid int) limits {
	if pid <= 0 {
		return limits{}
	}
	return limitsIn(os.DirFS("/"), pid)
}

// limitsIn reads them below a root folder.
func limitsIn(root fs.FS, pid int) limits {
	var l limits
	if env, err := fs.ReadFile(root, fmt.Sprintf("proc/%d/environ", pid)); err == nil {
		l.GoMemLimit, l.GOGC = parseEnviron(env)
	}
	if groups, err := fs.ReadFile(root, fmt.Sprintf("proc/%d/cgroup", pid)); err == nil {
		l.Cgroup = cgroupLimit(root, groups)
	}
	return l
}

// parseEnviron reads GOMEMLIMIT and GOGC as the Go runtime does: of a variable
// that is set twice, the first; what it would refuse counts as not set.
func parseEnviron(env []byte) (limit int64, gogc int) {
	seen := map[string]bool{}
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		name, value, ok := strings.Cut(string(kv), "=")
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		switch name {
		case "GOMEMLIMIT":
			limit = parseMemLimit(value)
		case "GOGC":
			if n, err := strconv.ParseInt(value, 10, 32); value == "off" {
				gogc = -1
			} else if err == nil && n > 0 {
				gogc = int(n)
			}
		}
	}
	return limit, gogc
}

// parseMemLimit reads GOMEMLIMIT: a whole number with one of the units B, KiB,
// MiB, GiB, TiB or none, or "off". 0 is no limit.
func parseMemLimit(s string) int64 {
	number, unit := s, int64(1)
	for i, suffix := range []string{"KiB", "MiB", "GiB", "TiB", "B"} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			number = rest
			if suffix != "B" {
				unit = 1 << (10 * (i + 1))
			}
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0
	}
	return n * unit
}

// unlimited is from where on a limit of the first version of control groups means
// none: it is the largest number of whole pages there.
const unlimited = 1 << 60

// cgroupLimit is the least memory limit along the path of a process's control
// groups, /proc/PID/cgroup: of the unified hierarchy (memory.max) and of the first
// version's memory controller (memory.limit_in_bytes). In a container whose own
// group is mounted at the root, the path is that of the machine and does not exist:
// the walk up ends at the root, where the container's limit is. 0 is none.
func cgroupLimit(root fs.FS, groups []byte) int64 {
	least := int64(0)
	for line := range bytes.Lines(groups) {
		parts := strings.SplitN(strings.TrimRight(string(line), "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var mounts []string
		var file string
		switch {
		case parts[0] == "0" && parts[1] == "":
			mounts, file = []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}, "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			mounts, file = []string{"sys/fs/cgroup/memory"}, "memory.limit_in_bytes"
		default:
			continue
		}
		for _, mount := range mounts {
			for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
				if v := readLimit(root, path.Join(mount, at, file)); v > 0 && (least == 0 || v < least) {
					least = v
				}
				if at == "/" {
					break
				}
			}
		}
	}
	return least
}

// readLimit reads one limit file; 0 is none.
func readLimit(root fs.FS, name string) int64 {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	v, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64) // "max" is no number
	if err != nil || v <= 0 || v >= unlimited {
		return 0
	}
	return v
}

// describeBinary tells which Go version built an executable and its main
// module: what pprof does not serve. /proc/PID/exe is a path too.
func describeBinary(path string) (goVersion, module string, err error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("read the build information of %s: %w; the verdict goes on without Go version and module", path, err)
	}
	module = info.Main.Path
	if module == "" {
		module = info.Path
	}
	return info.GoVersion, module, nil
}
