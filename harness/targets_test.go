package harness

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseTargets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "body.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(url string) Request { return Request{Method: "GET", URL: url, Header: http.Header{}} }
	for _, c := range []struct {
		name, in string
		want     []Request
		line     int
		err      string
	}{
		{name: "one request", in: "GET http://a/", want: []Request{get("http://a/")}},
		{name: "requests without a blank line between", in: "GET http://a/\nGET http://b/\n", want: []Request{get("http://a/"), get("http://b/")}},
		{name: "comments and blank lines", in: "# hello\n\n\nGET http://a/\n# between\n\n  # end", want: []Request{get("http://a/")}},
		{name: "headers and a body", in: "POST http://a/\r\nx-id: 1\r\nX-Id:2\r\nContent-Type: a:b\r\n@body.json\r\n\r\nGET http://b/", want: []Request{
			{Method: "POST", URL: "http://a/", Header: http.Header{"X-Id": {"1", "2"}, "Content-Type": {"a:b"}}, Body: []byte("{}")}, get("http://b/"),
		}},
		{name: "an absolute body path", in: "PUT http://a/\n@" + filepath.Join(dir, "body.json"), want: []Request{{Method: "PUT", URL: "http://a/", Header: http.Header{}, Body: []byte("{}")}}},
		{name: "an empty body is a body", in: "PUT http://a/\n@empty", want: []Request{{Method: "PUT", URL: "http://a/", Header: http.Header{}, Body: []byte{}}}},
		{name: "a request right after headers", in: "GET http://a/\nA: b\nGET http://b/", want: []Request{{Method: "GET", URL: "http://a/", Header: http.Header{"A": {"b"}}}, get("http://b/")}},
		{name: "nothing", in: "\n# only this\n", line: 2, err: "no requests"},
		{name: "no method", in: "http://a/", line: 1, err: "want a request"},
		{name: "no URL", in: "GET ", line: 1, err: "want a request"},
		{name: "a URL of another kind", in: "\nGET ftp://a/", line: 2, err: "http or https"},
		{name: "a header that is none", in: "GET http://a/\nnonsense", line: 2, err: "want a header"},
		{name: "a header without a value", in: "GET http://a/\nA:", line: 2, err: "want a header"},
		{name: "a header with a blank in its name", in: "GET http://a/\na b: c", line: 2, err: "want a header"},
		{name: "a header after a blank line", in: "GET http://a/\n\nA: b", line: 3, err: "want a request"},
		{name: "a second body", in: "GET http://a/\n@body.json\n@body.json", line: 3, err: "want a request"},
		{name: "a body that is not there", in: "GET http://a/\n@absent", line: 2, err: "no such file"},
		{name: "a body that is a folder", in: "GET http://a/\n@.", line: 2, err: "no regular file"},
		{name: "a line without end", in: "GET http://a/\nA: " + strings.Repeat("x", maxTargetLine), line: 2, err: "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseTargets(strings.NewReader(c.in), dir)
			if c.err == "" {
				if err != nil || !reflect.DeepEqual(got, c.want) {
					t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
				}
				return
			}
			var at *TargetsError
			if !errors.As(err, &at) || at.Line != c.line || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want line %d and %q", err, c.line, c.err)
			}
		})
	}
}

func FuzzParseTargets(f *testing.F) {
	f.Add("GET http://a/\n\n# c\nPOST http://b/\nA: b\n@x\n")
	f.Add("GET\thttp://a/")
	f.Add("G http://[::1]:80/%20?a=b\nHost: x")
	f.Fuzz(func(t *testing.T, in string) {
		requests, err := parseTargets(strings.NewReader(in), func(name string) ([]byte, error) {
			if name == "" {
				return nil, os.ErrNotExist
			}
			return []byte(name), nil
		})
		if err != nil {
			var at *TargetsError
			if !errors.As(err, &at) || at.Line < 1 || at.Line > strings.Count(in, "\n")+1 {
				t.Fatalf("%q: %v names no line of it", in, err)
			}
			return
		}
		if len(requests) == 0 {
			t.Fatalf("%q: neither requests nor an error", in)
		}
		// What is accepted can be sent.
		if _, err := NewHTTP(HTTPConfig{Requests: requests}); err != nil {
			t.Fatalf("%q: accepted, but: %v", in, err)
		}
	})
}
