package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBodiesComeFromAFileOrAFolderInTurn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"b.json": "two", "a.json": "one", "c.json": "three", ".hidden": "no", "sub/d.json": "no"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	one, err := ReadBodies(filepath.Join(dir, "a.json"))
	if err != nil || len(one) != 1 || string(one[0]) != "one" {
		t.Errorf("a file gives %q, %v", one, err)
	}
	bodies, err := ReadBodies(dir)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+string(body))
	})
	target := newHTTP(t, HTTPConfig{URL: s.URL, Bodies: bodies})
	for i := range int64(4) {
		if err := target.Do(t.Context(), Op{Index: i}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"POST one", "POST two", "POST three", "POST one"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	got = nil
	target = newHTTP(t, HTTPConfig{Bodies: bodies, Requests: []Request{{Method: "PUT", URL: s.URL}, {Method: "POST", URL: s.URL, Body: []byte("own")}}})
	for i := range int64(3) {
		if err := target.Do(t.Context(), Op{Index: i}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"PUT one", "POST own", "PUT three"}; !slices.Equal(got, want) {
		t.Errorf("of a targets file: sent %q, want %q", got, want)
	}
	for path, want := range map[string]string{filepath.Join(dir, "nothing"): "no such file", filepath.Join(t.TempDir()): "holds no file", os.DevNull: "no regular file"} {
		if _, err := ReadBodies(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

// certificate writes a certificate for a name, signed by itself, and its key.
func certificate(t *testing.T, dir, name string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return write(name+".pem", "CERTIFICATE", der), write(name+".key", "EC PRIVATE KEY", keyDER), pool
}

func TestTLSFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile, clients := certificate(t, dir, "client")
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(401)
		}
	}))
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	caFile := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files TLSFiles
		class string
	}{
		{"an authority and a client certificate", TLSFiles{CA: caFile, Cert: certFile, Key: keyFile}, ""},
		{"no client certificate", TLSFiles{CA: caFile}, "status 401"},
		{"unchecked", TLSFiles{Insecure: true, Cert: certFile, Key: keyFile}, ""},
		{"an unknown authority", TLSFiles{Cert: certFile, Key: keyFile}, "tls"},
	} {
		config, err := c.files.Config()
		if err != nil {
			t.Fatal(err)
		}
		err = newHTTP(t, HTTPConfig{URL: s.URL, TLS: config}).Do(t.Context(), Op{})
		if err == nil != (c.class == "") || err != nil && ErrorClass(err) != c.class {
			t.Errorf("%s: got %v, want class %q", c.name, err, c.class)
		}
	}
	for want, files := range map[string]TLSFiles{
		"takes a certificate and its key": {Cert: certFile}, "holds no certificate": {CA: keyFile},
		"read the certificate": {Cert: keyFile, Key: keyFile}, "read authorities": {CA: filepath.Join(dir, "none")},
	} {
		if _, err := files.Config(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", files, err, want)
		}
	}
	if c, err := (TLSFiles{}).Config(); c != nil || err != nil {
		t.Errorf("the zero value gives %v, %v", c, err)
	}
}
