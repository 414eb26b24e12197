package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxTargetLine = 1 << 20   // bytes
	maxTargetBody = 256 << 20 // bytes of one @file
)

// TargetsError is a targets file that could not be read.
type TargetsError struct {
	Line    int // from 1
	Problem string
	Err     error // may be nil
}

// Error implements error.
func (e *TargetsError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("targets, line %d: %s: %v", e.Line, e.Problem, e.Err)
	}
	return fmt.Sprintf("targets, line %d: %s", e.Line, e.Problem)
}

// Unwrap returns the cause.
func (e *TargetsError) Unwrap() error { return e.Err }

// ParseTargets reads vegeta's http format:
//
//	# a comment
//	POST http://localhost:8080/things
//	Content-Type: application/json
//	@body.json
//
//	GET http://localhost:8080/things/1
//
// A request is a line of method and URL, then headers, then at most one body
// file, whose path counts from dir. A blank line or the next request ends it.
// Unlike vegeta, header names are put into canonical form. Body files must be
// regular and at most 256 MiB. Errors are of type [*TargetsError].
func ParseTargets(r io.Reader, dir string) ([]Request, error) {
	bodies := map[string][]byte{}
	return parseTargets(r, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if body, ok := bodies[name]; ok {
			return body, nil
		}
		body, err := readBodyFile(name)
		bodies[name] = body
		return body, err
	})
}

func parseTargets(r io.Reader, readBody func(name string) ([]byte, error)) ([]Request, error) {
	var (
		requests []Request
		open     bool // the last request may still get headers and a body
		number   int
	)
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxTargetLine)
	for scanner.Scan() {
		number++
		line := strings.TrimSpace(scanner.Text())
		fail := func(problem string, err error) error {
			return &TargetsError{Line: number, Problem: problem, Err: err}
		}
		switch method, target, isRequest := cutRequest(line); {
		case line == "":
			open = false
		case line[0] == '#':
		case isRequest:
			if _, err := parseURL(target); err != nil {
				return nil, fail("request "+method, err)
			}
			requests = append(requests, Request{Method: method, URL: target, Header: http.Header{}})
			open = true
		case !open:
			return nil, fail(fmt.Sprintf("%q: want a request as GET http://localhost:8080/path", shorten(line)), nil)
		case line[0] == '@':
			body, err := readBody(strings.TrimSpace(line[1:]))
			if err != nil {
				return nil, fail("body "+shorten(line), err)
			}
			if body == nil {
				body = []byte{} // an empty file is a body
			}
			requests[len(requests)-1].Body = body
			open = false
		default:
			name, value, ok := strings.Cut(line, ":")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			if !ok || value == "" || !isToken(name) || !isHeaderValue(value) {
				return nil, fail(fmt.Sprintf("%q: want a header as Name: value, or @ and a body file", shorten(line)), nil)
			}
			requests[len(requests)-1].Header.Add(textproto.CanonicalMIMEHeaderKey(name), value)
		}
	}
	if err := scanner.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, &TargetsError{Line: number + 1, Problem: "the line is longer than 1 MiB; put a body into a file of its own and name it with @"}
		}
		return nil, &TargetsError{Line: number + 1, Problem: "read", Err: err}
	}
	if len(requests) == 0 {
		return nil, &TargetsError{Line: max(number, 1), Problem: "no requests; want lines as GET http://localhost:8080/path"}
	}
	return requests, nil
}

// cutRequest splits a line that begins with upper-case letters and a blank.
func cutRequest(line string) (method, target string, ok bool) {
	end := strings.IndexFunc(line, func(r rune) bool { return r < 'A' || r > 'Z' })
	if end < 1 || line[end] != ' ' && line[end] != '\t' {
		return "", "", false
	}
	return line[:end], strings.TrimSpace(line[end:]), true
}

// isToken reports whether s may name a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// isHeaderValue reports whether s may be a header's value: no control
// characters but tab (RFC 9110, section 5.5).
func isHeaderValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

func readBodyFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	if info.Size() > maxTargetBody {
		return nil, fmt.Errorf("%s is %d bytes long; at most %d are sent", name, info.Size(), maxTargetBody)
	}
	return os.ReadFile(name)
}
