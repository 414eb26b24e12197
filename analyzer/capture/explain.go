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
)

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

// foreignError is an answer of another kind than was asked for.
type foreignError struct{ what string }

func (e *foreignError) Error() string { return "answered " + e.what }

// contentError is an answer that came whole and cannot be used.
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
	e.Problem, e.Remedy = c.diagnose(r, got, err)
	return e
}

func (c *Client) diagnose(r request, got int64, err error) (problem, remedy string) {
	var (
		status  *statusError
		foreign *foreignError
		limit   *limitError
		content *contentError
		dns     *net.DNSError
		netErr  net.Error
	)
	switch {
	case errors.As(err, &status):
		return status.Error(), statusRemedy(status)
	case errors.As(err, &foreign):
		return fmt.Sprintf("it answered %s, not %s", foreign.what, r.want),
			"another server or a login page seems to be there: " + mountRemedy
	case errors.As(err, &content):
		return content.problem, content.remedy
	case errors.As(err, &limit):
		return limit.Error(), "raise the limit if the target is to be trusted, or raise its sampling rate (runtime.MemProfileRate) for smaller profiles"
	case errors.Is(err, errTimedOut):
		if got > 0 {
			return fmt.Sprintf("no complete answer within %s (%d bytes came)", c.timeout, got),
				"look whether the target is starved of CPU"
		}
		return fmt.Sprintf("no answer within %s", c.timeout),
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
	var (
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		alert   tls.AlertError
	)
	return errors.As(err, &record) || errors.As(err, &verify) || errors.As(err, &unknown) ||
		errors.As(err, &host) || errors.As(err, &alert) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// transport tells errors of reaching the target from errors of one answer:
// after the first kind the rest need not be asked for.
func transport(err error) bool {
	var (
		status  *statusError
		foreign *foreignError
		limit   *limitError
		content *contentError
	)
	return !errors.As(err, &status) && !errors.As(err, &foreign) && !errors.As(err, &limit) && !errors.As(err, &content)
}

// cause is an error's text without the URL and operation that net/http puts
// before it: they are said already, and a URL may carry a password.
func cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return cause(u.Err)
	}
	var p *os.SyscallError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
