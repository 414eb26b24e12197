package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Classed is an error that knows its class: a few words, from a small set, the
// same for all errors of one kind.
type Classed interface {
	error
	ErrorClass() string
}

// ErrorClass says in a few words what kind of error err is: "timeout",
// "refused", "reset", "dns", "unreachable", "tls", "canceled", what a [Classed] error in
// its chain says ("status 503"), or "other".
func ErrorClass(err error) string {
	var (
		classed Classed
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &classed):
		return classed.ErrorClass()
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return "refused" // ENOENT: a unix socket that is not there
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "unreachable"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many open files"
	case strings.Contains(err.Error(), "server closed idle connection"):
		return "reset" // net/http exports no value for it
	case strings.Contains(err.Error(), "tls: "), strings.Contains(err.Error(), "x509: "):
		return "tls"
	}
	return "other"
}

// StatusError is an HTTP answer that says that the operation failed.
type StatusError struct {
	Code int // 100 to 999
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d", e.Code) }

// ErrorClass implements [Classed].
func (e *StatusError) ErrorClass() string { return e.Error() }

// BodyTooLargeError is an answer whose body was longer than was asked to be
// read.
type BodyTooLargeError struct {
	Limit int64 // bytes
}

// Error implements error.
func (e *BodyTooLargeError) Error() string {
	return fmt.Sprintf("the answer's body is longer than %d bytes; raise the limit on bodies, or ask for less", e.Limit)
}

// ErrorClass implements [Classed].
func (e *BodyTooLargeError) ErrorClass() string { return "body too large" }
