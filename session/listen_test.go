package session

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// The numbers of these tables are in the byte order of the little-endian
// machines that this is run on; see parseHexAddr.
const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:17AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0100007F:17AC 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0000000000000000 20 4 30 10 -1
`

const tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1771 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 99 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:1772 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 100 1 0000000000000000 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:1773 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 101 1 0000000000000000 100 0 0 10 0
`

func TestParseSockets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, table string
		want        []socket
	}{
		{"only the listening sockets of an IPv4 table", tcpTable, []socket{
			{4711, netip.MustParseAddrPort("127.0.0.1:6060")}, {4712, netip.MustParseAddrPort("0.0.0.0:8080")}}},
		{"an IPv6 table with the unspecified, the loopback and a mapped address", tcp6Table, []socket{
			{99, netip.MustParseAddrPort("[::]:6001")}, {100, netip.MustParseAddrPort("[::1]:6002")}, {101, netip.MustParseAddrPort("127.0.0.1:6003")}}},
		{"a table with nothing but its heading", tcpTable[:strings.IndexByte(tcpTable, '\n')+1], nil},
		{"nothing at all", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseSockets(strings.NewReader(c.table))
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("parseSockets = %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestParseSocketsRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	line := strings.Split(tcpTable, "\n")[1]
	for name, bad := range map[string]string{
		"a short line":                line[:40],
		"an address of another width": strings.Replace(line, "0100007F", "017F", 1),
		"a port that is no number":    strings.Replace(line, ":17AC", ":17XC", 1),
		"an inode that is no number":  strings.Replace(line, "4711", "47x1", 1),
	} {
		if got, err := parseSockets(strings.NewReader("heading\n" + bad + "\n")); err == nil {
			t.Errorf("%s: got %v; want an error", name, got)
		} else if !strings.HasPrefix(err.Error(), "line 2: ") {
			t.Errorf("%s: the error %q does not name line 2", name, err)
		}
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add(tcpTable)
	f.Add(tcp6Table)
	f.Add("x\n0: :: 0A")
	f.Fuzz(func(t *testing.T, s string) {
		socks, err := parseSockets(strings.NewReader(s))
		if err != nil {
			return
		}
		if n := strings.Count(s, "\n") + 1; len(socks) > n {
			t.Errorf("%d sockets from %d lines", len(socks), n)
		}
		for _, x := range socks {
			if !x.addr.IsValid() || x.addr.Addr().Is4In6() {
				t.Errorf("address %v is not a plain one", x.addr)
			}
		}
	})
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     process
		bad      bool
	}{
		{"a plain name", "17 (sleep) S 3 17 3 0 -1", process{17, 3, 17}, false},
		{"a name with spaces and parentheses", "18 (a) S 9 (b) R 4 18 3", process{18, 4, 18}, false},
		{"no name", "17 sleep S 3 17", process{}, true},
		{"an end after the name", "17 (sleep) S", process{}, true},
		{"a parent that is no number", "17 (sleep) S x 17 3", process{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat(c.in)
			if got != c.want && !c.bad || (err != nil) != c.bad {
				t.Errorf("parseStat(%q) = %v, %v; want %v, error %v", c.in, got, err, c.want, c.bad)
			}
		})
	}
}

func TestFamilyHoldsDescendantsAndTheProcessGroup(t *testing.T) {
	t.Parallel()
	all := []process{
		{pid: 30, parent: 20, group: 10}, // a grandchild, listed before its parent
		{pid: 20, parent: 10, group: 20}, // a child in a group of its own
		{pid: 40, parent: 1, group: 10},  // of a shell that has ended
		{pid: 50, parent: 40, group: 50}, // its child
		{pid: 60, parent: 1, group: 60},  // a stranger
		{pid: 10, parent: 1, group: 10},
	}
	if got, want := family(10, all), []int{10, 20, 30, 40, 50}; !slices.Equal(got, want) {
		t.Errorf("family(10) = %v; want %v", got, want)
	}
}

func TestSortListenersPutsTheLikeliestFirst(t *testing.T) {
	t.Parallel()
	var ls []listener
	for _, a := range []string{"0.0.0.0:8080", "127.0.0.1:9999", "[::]:443", "[::]:6060", "[::1]:7000"} {
		ls = append(ls, listener{addr: netip.MustParseAddrPort(a)})
	}
	sortListeners(ls)
	var got []string
	for _, l := range ls {
		got = append(got, l.hostPort())
	}
	want := []string{"localhost:6060", "[::1]:7000", "127.0.0.1:9999", "localhost:443", "localhost:8080"}
	if !slices.Equal(got, want) {
		t.Errorf("order %v; want %v", got, want)
	}
}
