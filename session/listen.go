package session

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// errNoProc says that this system does not tell which process listens where.
var errNoProc = errors.New("this system does not tell which ports a process listens on")

// listener is one listening TCP socket and the process that holds it.
type listener struct {
	pid  int
	addr netip.AddrPort
}

// hostPort is the address to dial: an unspecified one is reached by loopback.
func (l listener) hostPort() string {
	port := strconv.Itoa(int(l.addr.Port()))
	if l.addr.Addr().IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return net.JoinHostPort(l.addr.Addr().WithZone("").String(), port)
}

// sortListeners puts the likeliest home of pprof first: port 6060, then
// loopback addresses (a port of its own is usually not for the world), then
// the rest by port.
func sortListeners(ls []listener) {
	rank := func(l listener) int {
		switch {
		case l.addr.Port() == 6060:
			return 0
		case l.addr.Addr().IsLoopback():
			return 1
		}
		return 2
	}
	slices.SortStableFunc(ls, func(a, b listener) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return int(a.addr.Port()) - int(b.addr.Port())
	})
}

// socket is a listening TCP socket by the number the kernel gave it.
type socket struct {
	inode uint64
	addr  netip.AddrPort
}

// stateListen is TCP_LISTEN in /proc/net/tcp.
const stateListen = "0A"

// parseSockets reads the listening sockets of /proc/PID/net/tcp or tcp6. Lines
// that it does not understand are an error: a wrong port would be worse than
// none.
func parseSockets(r io.Reader) ([]socket, error) {
	var out []socket
	sc := bufio.NewScanner(r)
	for n := 0; sc.Scan(); n++ {
		f := strings.Fields(sc.Text())
		if n == 0 || len(f) == 0 { // the heading
			continue
		}
		if len(f) < 10 {
			return nil, fmt.Errorf("line %d: %d fields; want at least 10", n+1, len(f))
		}
		if f[3] != stateListen {
			continue
		}
		addr, err := parseHexAddr(f[1])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: inode %q is not a number", n+1, f[9])
		}
		out = append(out, socket{inode: inode, addr: addr})
	}
	return out, sc.Err()
}

// parseHexAddr reads "0100007F:17AC": the address in 32-bit words of the
// machine's byte order, the port as it is.
func parseHexAddr(s string) (netip.AddrPort, error) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	if !ok || err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("address %q is not of the form 0100007F:17AC", s)
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: port %q is not a hexadecimal number of 16 bits", s, port)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(p)), nil
}

// process is what /proc/PID/stat says of a process's family.
type process struct{ pid, parent, group int }

// parseStat reads /proc/PID/stat. The name in parentheses may hold anything,
// parentheses and spaces included.
func parseStat(s string) (process, error) {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("stat %q has no (name)", s)
	}
	f := strings.Fields(s[end+1:])
	if len(f) < 3 {
		return process{}, fmt.Errorf("stat %q ends after the name", s)
	}
	var p process
	var err error
	for _, x := range []struct {
		to   *int
		from string
	}{{&p.pid, strings.TrimSpace(s[:open])}, {&p.parent, f[1]}, {&p.group, f[2]}} {
		if *x.to, err = strconv.Atoi(x.from); err != nil {
			return process{}, fmt.Errorf("stat %q: %q is not a number", s, x.from)
		}
	}
	return p, nil
}

// family returns root, its descendants, and the members of its process group
// (children of a shell that has ended), in no certain order.
func family(root int, all []process) []int {
	in := map[int]bool{root: true}
	for _, p := range all {
		if p.group == root {
			in[p.pid] = true
		}
	}
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if in[p.parent] && !in[p.pid] {
				in[p.pid], grew = true, true
			}
		}
	}
	out := make([]int, 0, len(in))
	for pid := range in {
		out = append(out, pid)
	}
	slices.Sort(out)
	return out
}
