package capture

import (
	"net/url"
	"strings"
	"testing"
)

func TestAddressesThatPeopleType(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ typed, base, socket string }{
		{":6060", "http://localhost:6060/debug/pprof", ""},
		{"6060", "http://localhost:6060/debug/pprof", ""},
		{"localhost:6060", "http://localhost:6060/debug/pprof", ""},
		{" 127.0.0.1:7001 ", "http://127.0.0.1:7001/debug/pprof", ""},
		{"[::1]:6060", "http://[::1]:6060/debug/pprof", ""},
		{"myhost", "http://myhost/debug/pprof", ""},
		{"http://h:1", "http://h:1/debug/pprof", ""},
		{"http://h:1/", "http://h:1/debug/pprof", ""},
		{"https://h/debug/pprof", "https://h/debug/pprof", ""},
		{"https://h/debug/pprof/", "https://h/debug/pprof", ""},
		{"h:1/debug/pprof/", "http://h:1/debug/pprof", ""},
		{"http://h:1/debug", "http://h:1/debug/pprof", ""},
		{"http://h:1/admin", "http://h:1/admin/debug/pprof", ""},
		{"http://h:1/internal/pprof/", "http://h:1/internal/pprof", ""},
		{"http://h:1/debug/pprof/heap?gc=1&seconds=5", "http://h:1/debug/pprof", ""},
		{"http://u:p@h:1", "http://h:1/debug/pprof", ""},
		{"unix:/run/a.sock", "http://socket.invalid/debug/pprof", "/run/a.sock"},
		{"unix:///run/a.sock", "http://socket.invalid/debug/pprof", "/run/a.sock"},
		{"unix:a.sock", "http://socket.invalid/debug/pprof", "a.sock"},
		{"unix:/run/a:/x/pprof", "http://socket.invalid/x/pprof", "/run/a"},
		{"unix:/run/a.sock/x/pprof", "http://socket.invalid/x/pprof", "/run/a.sock"},
	} {
		a, err := parseAddress(x.typed)
		if err != nil {
			t.Errorf("%q: %v", x.typed, err)
			continue
		}
		if a.base.String() != x.base || a.socket != x.socket {
			t.Errorf("%q: base %s, socket %q, want %s, %q", x.typed, a.base, a.socket, x.base, x.socket)
		}
	}
}

func TestAddressesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "  ", "http://", "ftp://h:1", "unix:", "unix::/debug/pprof", "http://h:port", "http://u:secret@h:bad port"} {
		_, err := parseAddress(s)
		if err == nil || !strings.Contains(err.Error(), "unix:/path/to.sock") {
			t.Errorf("%q: error %v, want one that names the forms", s, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the password: %v", s, err)
		}
	}
}

func TestRequestsCarryTheQueryThatWasGivenButNeverShowIt(t *testing.T) {
	t.Parallel()
	a, err := parseAddress("http://h:1/debug/pprof?token=secret&seconds=9&debug=2&gc=1")
	if err != nil {
		t.Fatal(err)
	}
	u := a.of("heap", url.Values{"gc": {"1"}})
	if got, want := u.String(), "http://h:1/debug/pprof/heap?gc=1&token=secret"; got != want {
		t.Errorf("asks %s, want %s", got, want)
	}
	if got, want := a.show(u), "http://h:1/debug/pprof/heap?gc=1"; got != want {
		t.Errorf("shows %s, want %s", got, want)
	}
	if got, want := a.sibling("/metrics").String(), "http://h:1/metrics?token=secret"; got != want {
		t.Errorf("metrics at %s, want %s", got, want)
	}
}

func TestMetricsAndVarsAreBesideTheMount(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		":1":                        "http://localhost:1/metrics",
		"http://h/admin":            "http://h/admin/metrics",
		"http://h/internal/pprof":   "http://h/metrics",
		"unix:/a.sock:/debug/pprof": "http://socket.invalid/metrics",
	} {
		a, err := parseAddress(typed)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.sibling("/metrics").String(); got != want {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{":6060", "http://u:p@h:1/x?y=z", "unix:/a.sock:/b", "https://[::1]:2/debug/pprof/heap"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			return
		}
		if a.base.User != nil || !strings.HasSuffix(a.base.Path, "pprof") || a.base.Host == "" {
			t.Fatalf("%q: base %v", s, a.base)
		}
		u := a.of("heap", nil)
		if _, err := url.Parse(u.String()); err != nil {
			t.Fatalf("%q: asks %s, which does not parse: %v", s, u, err)
		}
	})
}
