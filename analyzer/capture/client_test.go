package capture

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigsThatCannotBe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("no pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, mention string
		cfg           Config
	}{
		{"no address", "it is empty", Config{}},
		{"two kinds of credentials", "give one", Config{URL: ":1", User: "u", Bearer: "b"}},
		{"credentials in the address and a token", "give one", Config{URL: "http://u:p@h", Bearer: "b"}},
		{"a negative timeout", "negative", Config{URL: ":1", Timeout: -1}},
		{"a negative limit", "negative", Config{URL: ":1", MaxBytes: -1}},
		{"a certificate without its key", "both its file and its key", Config{URL: ":1", CertFile: junk}},
		{"a certificate that is none", "client certificate", Config{URL: ":1", CertFile: junk, KeyFile: junk}},
		{"authorities that are not there", "authorities", Config{URL: ":1", CAFile: filepath.Join(dir, "none")}},
		{"authorities that are none", "no PEM certificate", Config{URL: ":1", CAFile: junk}},
		{"a metrics address without host", "metrics address", Config{URL: ":1", MetricsURL: "/metrics"}},
	} {
		if _, err := New(x.cfg); err == nil || !strings.Contains(err.Error(), x.mention) {
			t.Errorf("%s: error %v, want one that mentions %q", x.name, err, x.mention)
		}
	}
}

func TestCredentialsAndHeadersAreSent(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		cfg  func(url string) Config
		ok   func(r *http.Request) bool
	}{
		{"basic", func(u string) Config { return Config{URL: u, User: "u", Password: "p"} }, func(r *http.Request) bool {
			u, p, ok := r.BasicAuth()
			return ok && u == "u" && p == "p"
		}},
		{"basic from the address", func(u string) Config { return Config{URL: strings.Replace(u, "//", "//u:p@", 1)} }, func(r *http.Request) bool {
			u, p, ok := r.BasicAuth()
			return ok && u == "u" && p == "p"
		}},
		{"bearer", func(u string) Config { return Config{URL: u, Bearer: "tok"} }, func(r *http.Request) bool {
			return r.Header.Get("Authorization") == "Bearer tok"
		}},
		{"headers, and the host", func(u string) Config {
			return Config{URL: u, Header: http.Header{"x-key": {"k1", "k2"}, "Host": {"pprof.internal"}}}
		}, func(r *http.Request) bool {
			return len(r.Header.Values("X-Key")) == 2 && r.Host == "pprof.internal"
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			mux := canned(t)
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !x.ok(r) {
					http.Error(w, "no", http.StatusUnauthorized)
					return
				}
				mux.ServeHTTP(w, r)
			}))
			if _, err := client(t, x.cfg(s.URL)).Snapshot(t.Context(), noPause); err != nil {
				t.Error(err)
			}
			_, err := client(t, Config{URL: s.URL}).Snapshot(t.Context(), noPause)
			wantSentence(t, err, "401", "credentials")
		})
	}
}

func TestErrorsNeverShowCredentials(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(500, "text/plain", ""))
	c := client(t, Config{URL: strings.Replace(s.URL, "//", "//user:secret1@", 1) + "/debug/pprof?token=secret2"})
	_, err := c.Snapshot(t.Context(), noPause)
	wantSentence(t, err, "500")
	if strings.Contains(err.Error(), "secret") || strings.Contains(c.Target().Pprof, "secret") {
		t.Errorf("error %q, target %q", err, c.Target().Pprof)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	mux := canned(t)
	away := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { away++ }))
	t.Cleanup(other.Close)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/moved/"):
			http.Redirect(w, r, strings.TrimPrefix(r.URL.RequestURI(), "/moved"), http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/loop/"):
			http.Redirect(w, r, r.URL.RequestURI(), http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/away/"):
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/login", http.StatusFound)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	if _, err := client(t, Config{URL: s.URL + "/moved"}).Snapshot(t.Context(), noPause); err != nil {
		t.Errorf("a redirect within the host: %v", err)
	}
	_, err := client(t, Config{URL: s.URL + "/loop"}).Snapshot(t.Context(), noPause)
	wantSentence(t, err, "more than 5 times")
	_, err = client(t, Config{URL: s.URL + "/away", Bearer: "tok"}).Snapshot(t.Context(), noPause)
	wantSentence(t, err, "redirected to another host", "localhost")
	if away != 0 {
		t.Errorf("the other host was asked %d times", away)
	}
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	t.Parallel()
	var got http.Header
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		_, _ = w.Write([]byte("ops_total 3\n"))
	}))
	t.Cleanup(metrics.Close)
	c := client(t, Config{URL: "http://pprof.invalid:1", MetricsURL: metrics.URL, Bearer: "tok", Header: http.Header{"X-Key": {"k"}}})
	if v, err := c.Metric(t.Context(), "ops_total"); err != nil || v != 3 {
		t.Fatalf("metric %v, error %v", v, err)
	}
	if got.Get("Authorization") != "" || got.Get("X-Key") != "" {
		t.Errorf("the metrics host was sent %v", got)
	}
}

func TestTLSWithItsAuthorityAndAClientCertificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(canned(t))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.Config.ErrorLog = quiet(t)
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, keyFile := write("ca.pem", "CERTIFICATE", s.Certificate().Raw), write("key.pem", "PRIVATE KEY", key)

	if _, err := client(t, Config{URL: s.URL, CAFile: ca, CertFile: ca, KeyFile: keyFile}).Snapshot(t.Context(), noPause); err != nil {
		t.Errorf("with certificate and authority: %v", err)
	}
	_, err = client(t, Config{URL: s.URL}).Snapshot(t.Context(), noPause)
	wantSentence(t, err, "authority")
	_, err = client(t, Config{URL: s.URL, CAFile: ca}).Snapshot(t.Context(), noPause)
	if err == nil {
		t.Error("without a client certificate it was let in")
	}
	_, err = client(t, Config{URL: strings.Replace(s.URL, "https", "http", 1)}).Snapshot(t.Context(), noPause)
	wantSentence(t, err, "use https://")
	plain := serve(t, canned(t))
	_, err = client(t, Config{URL: strings.Replace(plain.URL, "http", "https", 1)}).Snapshot(t.Context(), noPause)
	wantSentence(t, err, "use http://")
}

func TestOneConnectionServesAllRequests(t *testing.T) {
	t.Parallel()
	remotes := map[string]bool{}
	mux := canned(t)
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remotes[r.RemoteAddr] = true // one connection: requests do not overlap
		mux.ServeHTTP(w, r)
	}))
	c := client(t, Config{URL: s.URL})
	if _, err := c.Offer(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Snapshot(t.Context(), noPause); err != nil {
			t.Fatal(err)
		}
	}
	if len(remotes) != 1 {
		t.Errorf("%d connections were opened, want 1: each is a goroutine in the target", len(remotes))
	}
}

func TestErrorPagesAreExcerpted(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ body, contentType, want string }{
		{"one\ntwo", "text/plain", "one"},
		{"  \n\tlate", "", "late"},
		{"<html>", "text/html", ""},
		{"<h1>", "text/plain", ""},
		{"a\x00\x1b[31mb", "", "a[31mb"},
	} {
		if got := excerpt([]byte(x.body), x.contentType); got != x.want {
			t.Errorf("excerpt(%q) = %q, want %q", x.body, got, x.want)
		}
	}
	if got := excerpt(bytes.Repeat([]byte("x"), 500), ""); len(got) > 130 {
		t.Errorf("an excerpt of %d bytes", len(got))
	}
}
