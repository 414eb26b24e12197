package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listeners returns the listening TCP sockets of root and its family, the
// likeliest home of pprof first. A process that ends meanwhile is passed over.
func listeners(root int) ([]listener, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return listenersOf(family(root, all))
}

// owner returns the process of this machine that listens on a TCP port and was
// started under a name, the base name of its first argument; 0: none that may
// be asked. The name keeps a forwarder (ssh, kubectl, a container's proxy) from
// being taken for the program behind it.
func owner(port int, name string) int {
	all, err := processes()
	if err != nil || name == "" {
		return 0
	}
	var named []int
	for _, p := range all {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
		if err != nil {
			continue
		}
		if first, _, _ := strings.Cut(string(args), "\x00"); filepath.Base(first) == name {
			named = append(named, p.pid)
		}
	}
	ls, err := listenersOf(named)
	if err != nil {
		return 0
	}
	for _, l := range ls {
		if int(l.addr.Port()) == port {
			return l.pid
		}
	}
	return 0
}

func listenersOf(pids []int) ([]listener, error) {
	var out []listener
	for _, pid := range pids {
		held := socketsOf(pid)
		if len(held) == 0 {
			continue
		}
		for _, table := range []string{"tcp", "tcp6"} {
			path := fmt.Sprintf("/proc/%d/net/%s", pid, table)
			f, err := os.Open(path)
			if err != nil {
				continue // no IPv6, or the process has ended
			}
			socks, err := parseSockets(f)
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", path, err)
			}
			for _, s := range socks {
				if held[s.inode] {
					out = append(out, listener{pid: pid, addr: s.addr})
				}
			}
		}
	}
	sortListeners(out)
	return out, nil
}

// processes reads the family of every process that may be read.
func processes() ([]process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoProc, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoProc, err)
	}
	var out []process
	for _, name := range names {
		if _, err := strconv.Atoi(name); err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", name, "stat"))
		if err != nil {
			continue
		}
		if p, err := parseStat(string(b)); err == nil {
			out = append(out, p)
		}
	}
	return out, nil
}

// socketsOf returns the numbers of the sockets that pid holds open; none where
// it may not be asked.
func socketsOf(pid int) map[uint64]bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	out := map[uint64]bool{}
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		num, ok := strings.CutPrefix(link, "socket:[")
		if !ok {
			continue
		}
		if inode, err := strconv.ParseUint(strings.TrimSuffix(num, "]"), 10, 64); err == nil {
			out[inode] = true
		}
	}
	return out
}

// executable is the path of the binary that pid runs; it can be read even
// after the file was removed, as `go run` does.
func executable(pid int) string { return fmt.Sprintf("/proc/%d/exe", pid) }

// alive reports whether pid still exists.
func alive(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil
}
