package harness

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// RedirectError is an answer that sends the client elsewhere than to the same
// host, or again and again: the operation was not done.
type RedirectError struct {
	Code int
	To   string // Location, as answered
}

// Error implements error.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("status %d: redirected to %q, which is not followed: it is on another host, or one redirect of too many; give the address that does the work", e.Code, e.To)
}

// ErrorClass implements [Classed].
func (e *RedirectError) ErrorClass() string { return fmt.Sprintf("redirect (status %d)", e.Code) }

// redirected is an error for an answer that is still a redirect once those on the
// same host were followed; nil for others. 304 and its like redirect nowhere.
func redirected(res *http.Response) error {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return &RedirectError{Code: res.StatusCode, To: res.Header.Get("Location")}
	}
	return nil
}

// answers tells successes that look like other work from those that look like the
// first: a login page is a success, too. The zero value is ready; it allocates for
// the first answer and the first unlike it alone.
type answers struct {
	first  atomic.Pointer[string] // media type of the first that has one
	unlike atomic.Int64
	astray atomic.Int64           // of them
	odd    atomic.Pointer[string] // what the first unlike it was
}

// note takes the answer of a success: its media type, and how it was redirected on
// the same host, nil where it was not. Answers without a media type are like any.
func (a *answers) note(res *http.Response, moved *move) {
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if media != "" && a.first.Load() == nil {
		own := strings.Clone(media)
		a.first.CompareAndSwap(nil, &own)
	}
	if moved == nil && (media == "" || media == *a.first.Load()) {
		return
	}
	if moved.astray() {
		a.astray.Add(1)
	}
	if a.unlike.Add(1); a.odd.Load() == nil {
		what := "of type " + media
		if moved != nil {
			what = "redirected to " + moved.to
		}
		a.odd.CompareAndSwap(nil, &what)
	}
}

// move is a redirect to another path.
type move struct {
	method string // of the request
	code   int
	to     string
}

// astray reports that what was asked for was not done: a page that another stands
// in for, as a login page does. A permanent redirect names the right address, and
// after a POST another page tells of its work.
func (m *move) astray() bool {
	return m != nil && (m.method == http.MethodGet || m.method == http.MethodHead) &&
		m.code != http.StatusMovedPermanently && m.code != http.StatusPermanentRedirect
}

// Unlike is how many successes may have been no work at all.
type Unlike struct {
	All     int64  // redirected, or of another media type than the first of their request
	Astray  int64  // of them, pages in whose place another was given by a temporary redirect
	Example string // what one of All was
}

// Unlike counts the successes so far.
func (t *HTTPTarget) Unlike() (u Unlike) {
	for i := range t.requests {
		a := t.requests[i].answers
		u.All += a.unlike.Load()
		u.Astray += a.astray.Load()
		if odd := a.odd.Load(); odd != nil && u.Example == "" {
			u.Example = *odd
		}
	}
	return u
}
