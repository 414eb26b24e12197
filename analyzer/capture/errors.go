package capture

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/heapdrift/heapdrift/analyzer/snapshot"
)

// TargetError says that the process under test could not be asked, or
// answered something of no use.
type TargetError struct {
	URL     string // as asked, without credentials
	Problem string // what happened
	Remedy  string // what to do about it
	Err     error  // the cause; may be nil
}

// Error is "ask URL: problem; remedy".
func (e *TargetError) Error() string { return sentence("ask "+e.URL, e.Problem, e.Remedy) }

// Unwrap returns the cause.
func (e *TargetError) Unwrap() error { return e.Err }

// InputError says that a recording could not be read.
type InputError struct {
	Absent  bool // nothing is at Path: a mistake in the command rather than in the data
	Path    string
	Problem string
	Remedy  string
	Err     error // the cause; may be nil
}

// Error is "read PATH: problem; remedy".
func (e *InputError) Error() string { return sentence("read "+e.Path, e.Problem, e.Remedy) }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

func sentence(operation, problem, remedy string) string {
	if remedy != "" {
		problem += "; " + remedy
	}
	return operation + ": " + problem
}

// problemOf splits an error into what happened and what to do about it.
func problemOf(err error) (problem, remedy string) {
	if t, ok := errors.AsType[*TargetError](err); ok {
		return t.Problem, t.Remedy
	}
	if c, ok := errors.AsType[*contentError](err); ok {
		return c.problem, c.remedy
	}
	return err.Error(), ""
}

// Codes of the warnings of reading.
const (
	Recorded           = "recorded"             // of the recording itself, as its run.json has it
	HeaderUnreadable   = "header-unreadable"    // run.json
	HeaderMissing      = "header-missing"       // likewise
	SnapshotUnreadable = "snapshot-unreadable"  // a piece of one in a bundle
	ProbesUnreadable   = "probes-unreadable"    // those between snapshots
	FilesBesideBundle  = "files-beside-bundle"  // passed over
	FileUnreadable     = "file-unreadable"      // passed over: no pprof profile
	KindShowsNoGrowth  = "kind-shows-no-growth" // profiles passed over
	IsDifference       = "is-difference"        // of two profiles: passed over
	GoroutineText      = "goroutine-text"       // passed over
	SameAsHeap         = "same-as-heap"         // allocs profiles passed over
	FileTwice          = "file-twice"           // passed over
	OtherProgram       = "other-program"        // profiles passed over
	SeveralBuilds      = "several-builds"       // of the program
	WithoutTimes       = "without-times"        // placed by their order, or passed over
	ClockStepped       = "clock-stepped"        // set, while it was recorded
	WithoutGC          = "without-gc"           // texts whose live bytes include garbage
)

func warning(code, format string, args ...any) snapshot.Warning {
	return snapshot.Warning{Code: code, Text: fmt.Sprintf(format, args...)}
}

// statusError is an answer with another status than 200.
type statusError struct {
	code int
	text string // first line of the body
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("it answered status %d (%s)", e.code, http.StatusText(e.code))
	if e.text != "" {
		s += fmt.Sprintf(": %q", e.text)
	}
	return s
}

// contentError is an answer that cannot be used for what it holds.
type contentError struct {
	problem, remedy string
	err             error
}

func (e *contentError) Error() string { return e.problem }
func (e *contentError) Unwrap() error { return e.err }

// mountRemedy says how a Go program comes to serve pprof.
const mountRemedy = `import _ "net/http/pprof" in the program and serve http.DefaultServeMux on that port ` +
	`(go http.ListenAndServe("localhost:6060", nil)), or give the address where /debug/pprof is mounted`

// explain turns what went wrong in a request into a sentence with a remedy.
// A cancelled ctx stays recognisable as such.
func (c *Client) explain(ctx context.Context, r request, got int64, err error) error {
	at := c.addr.show(r.url)
	if ctx.Err() != nil {
		return fmt.Errorf("ask %s: %w", at, context.Cause(ctx))
	}
	e := &TargetError{URL: at, Err: err}
	e.Problem, e.Remedy = c.diagnose(got, err)
	return e
}

func (c *Client) diagnose(got int64, err error) (problem, remedy string) {
	var (
		status  *statusError
		content *contentError
		dns     *net.DNSError
		netErr  net.Error
	)
	switch {
	case errors.As(err, &status):
		return status.Error(), statusRemedy(status)
	case errors.As(err, &content):
		return content.problem, content.remedy
	case errors.Is(err, errTimedOut):
		if got > 0 {
			return fmt.Sprintf("no complete answer within %s (%d bytes came)", c.cfg.Timeout, got),
				"look whether the target is starved of CPU"
		}
		return fmt.Sprintf("no answer within %s", c.cfg.Timeout),
			"look whether the process hangs or is starved of CPU"
	case errors.Is(err, errRedirectedAway):
		return cause(err), "credentials stay with their host: give the address that it redirects to"
	case errors.Is(err, errTooManyRedirects):
		return cause(err), "give the address behind the redirects"
	case errors.As(err, &dns):
		return fmt.Sprintf("the host %q is not known (%s)", dns.Name, dns.Err), "check its spelling and the resolver"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: nothing listens there", "start the target, or give the address that its pprof listens on"
	case errors.Is(err, fs.ErrNotExist):
		return "the socket does not exist", "start the target, or give the path that its pprof listens on"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EACCES):
		return "permission denied", "run as the user that may open the socket"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return fmt.Sprintf("the connection ended after %d bytes of the answer", got),
			"the target may have died, or its server's WriteTimeout is shorter than the answer takes: look at its log"
	case isTLS(err):
		return cause(err), "use http:// where the target speaks no TLS, or give the authority that signed its certificate"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "it does not speak HTTP", "give the port that pprof listens on, with https:// where it speaks TLS"
	case errors.As(err, &netErr) && netErr.Timeout():
		return "could not connect in time", "check the address and any firewall between"
	}
	return cause(err), "check the address; `heapdrift doctor` shows what the target offers"
}

func statusRemedy(e *statusError) string {
	switch {
	case e.code == http.StatusNotFound:
		return mountRemedy
	case e.code == http.StatusUnauthorized:
		return "give the credentials that it wants: basic, bearer or a header"
	case e.code == http.StatusForbidden:
		return "the credentials or this machine's address are not allowed to read pprof: ask its operator, or go through its private port"
	case e.code == http.StatusMethodNotAllowed:
		return "something other than net/http/pprof is mounted there; " + mountRemedy
	case e.code == http.StatusBadRequest && strings.Contains(e.text, "HTTPS"):
		return "use https://"
	case e.code == http.StatusTooManyRequests:
		return "take snapshots less often, or lift the limit for pprof"
	case e.code >= 500:
		return "look at the target's log; a proxy in between may answer for a target that is down"
	}
	return "check the address; `heapdrift doctor` shows what the target offers"
}

func isTLS(err error) bool {
	return is[tls.RecordHeaderError](err) || is[*tls.CertificateVerificationError](err) || is[x509.UnknownAuthorityError](err) ||
		is[x509.HostnameError](err) || is[tls.AlertError](err) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// is reports whether an error of the type is in err's chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// transport tells errors of reaching the target from errors of one answer:
// after the first kind the rest need not be asked for.
func transport(err error) bool {
	return !is[*statusError](err) && !is[*contentError](err)
}

// cause is an error's text without the URL and operation that net/http puts
// before it: they are said already, and a URL may carry a password.
func cause(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return cause(u.Err)
	}
	if p, ok := errors.AsType[*os.SyscallError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
