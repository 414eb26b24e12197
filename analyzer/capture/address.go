package capture

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"strings"
)

// address is where a target's pprof is: an HTTP base, perhaps over a unix
// socket, with the query that every request carries.
type address struct {
	base   *url.URL // ends in the pprof folder, without a slash behind; no user, no query
	query  url.Values
	socket string // path of the unix socket; empty for TCP
	user   *url.Userinfo
}

const defaultMount = "/debug/pprof"

// socketHost stands in URLs for the unix socket; it is never resolved.
const socketHost = "socket.invalid"

// addressForms is the remedy for every address that cannot be understood.
const addressForms = `give ":6060", "host:6060", "http://host:6060/debug/pprof" or "unix:/path/to.sock"`

// parseAddress understands the forms that people type for the place of a
// pprof endpoint:
//
//	6060  :6060  localhost:6060  http(s)://host:port[/prefix][/debug/pprof[/heap]]
//	unix:/path/to.sock  unix:/path/to.sock:/custom/pprof  unix:///path/to.sock
//
// A path that ends in /pprof is taken as it is; any other is a prefix in front
// of /debug/pprof.
func parseAddress(s string) (address, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return address{}, fmt.Errorf("parse pprof address: it is empty; %s", addressForms)
	}
	if rest, ok := strings.CutPrefix(s, "unix:"); ok {
		return parseSocket(s, rest)
	}
	raw := s
	if strings.Trim(raw, "0123456789") == "" { // a port alone
		raw = ":" + raw
	}
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return address{}, fmt.Errorf("parse pprof address %q: %s; %s", redact(s), cause(err), addressForms)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return address{}, fmt.Errorf("parse pprof address %q: the scheme %q is not known; %s", redact(s), u.Scheme, addressForms)
	}
	if u.Hostname() == "" {
		if u.Port() == "" {
			return address{}, fmt.Errorf("parse pprof address %q: it names no host and no port; %s", redact(s), addressForms)
		}
		u.Host = "localhost:" + u.Port()
	}
	a := address{query: u.Query(), user: u.User}
	for _, k := range []string{"seconds", "gc", "debug"} { // ours to set, or never to be sent
		a.query.Del(k)
	}
	a.base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: mount(u.Path)}
	return a, nil
}

func parseSocket(whole, rest string) (address, error) {
	rest = strings.TrimPrefix(rest, "//") // unix:///path
	sock, prefix, cut := strings.Cut(rest, ":")
	if !cut {
		if i := strings.Index(rest, ".sock/"); i >= 0 {
			sock, prefix = rest[:i+len(".sock")], rest[i+len(".sock"):]
		}
	}
	if sock == "" {
		return address{}, fmt.Errorf("parse pprof address %q: it names no socket; %s", whole, addressForms)
	}
	return address{
		base:   &url.URL{Scheme: "http", Host: socketHost, Path: mount(prefix)},
		query:  url.Values{},
		socket: sock,
	}, nil
}

// mount returns the pprof folder that a typed path means.
func mount(p string) string {
	p = strings.TrimRight(path.Clean("/"+p), "/")
	switch path.Base(p) {
	case "heap", "allocs", "goroutine", "goroutineleak", "profile", "cmdline", "block", "mutex", "threadcreate", "trace", "symbol":
		if strings.HasSuffix(path.Dir(p), "pprof") { // the address of one profile, pasted
			p = path.Dir(p)
		}
	}
	switch {
	case strings.HasSuffix(p, "pprof"):
		return p
	case strings.HasSuffix(p, "/debug"):
		return p + "/pprof"
	}
	return p + defaultMount
}

// of is the URL of name beneath the pprof folder, with q added.
func (a address) of(name string, q url.Values) *url.URL {
	u := *a.base
	u.Path += "/" + name
	merged := maps.Clone(a.query)
	maps.Copy(merged, q)
	u.RawQuery = merged.Encode()
	return &u
}

// sibling is the URL of a path beside the pprof mount: where /debug/vars and
// /metrics usually are. A custom pprof folder says nothing about them, so the
// root is taken.
func (a address) sibling(p string) *url.URL {
	u := *a.base
	if prefix, ok := strings.CutSuffix(u.Path, defaultMount); ok {
		p = prefix + p
	}
	u.Path = p
	u.RawQuery = a.query.Encode()
	return &u
}

// show is a URL of this address for messages: no credentials, and of the query
// only what this package sets.
func (a address) show(u *url.URL) string {
	v := *u
	v.User = nil
	q := v.Query()
	for k := range a.query {
		q.Del(k)
	}
	v.RawQuery = q.Encode()
	if v.Host == socketHost {
		v.Scheme, v.Host = "", ""
		return "unix:" + a.socket + ":" + v.String()
	}
	return v.String()
}

// String is the pprof folder for messages.
func (a address) String() string { return a.show(a.base) }

// redact hides the user part of an address that may not even parse.
func redact(s string) string {
	host := 0
	if i := strings.Index(s, "://"); i >= 0 {
		host = i + len("://")
	}
	if at := strings.LastIndex(s[host:], "@"); at >= 0 {
		return s[:host] + "…" + s[host+at:]
	}
	return s
}
