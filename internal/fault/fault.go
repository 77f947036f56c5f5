// Package fault carries the one error type that domain code answers with: a code that programs
// branch on, a message that is safe to show to anybody, and a wrapped cause that only logs see.
// It knows nothing of HTTP or SQL and imports the standard library alone.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code classifies an error. It is part of the HTTP contract: `code` in every error body.
type Code string

// The codes, with the HTTP status that httpapi gives each.
const (
	Invalid         Code = "invalid"         // 400
	Unauthenticated Code = "unauthenticated" // 401
	Forbidden       Code = "forbidden"       // 403
	// ConfirmationRequired: 403 until the session's password was typed again (ADR 0033).
	ConfirmationRequired Code = "confirmation_required"
	NotFound             Code = "not_found"           // 404
	NotAvailable         Code = "not_available"       // 404: a route of the contract that is not built yet
	MethodNotAllowed     Code = "method_not_allowed"  // 405
	Conflict             Code = "conflict"            // 409
	Stale                Code = "precondition_failed" // 412
	TooLarge             Code = "too_large"           // 413
	UnsupportedMedia     Code = "unsupported_media"   // 415
	Misdirected          Code = "misdirected"         // 421
	Unprocessable        Code = "unprocessable"       // 422
	PayloadRefused       Code = "payload_refused"     // 422: it ended the model's process twice, alone
	RateLimited          Code = "rate_limited"        // 429
	CrashStopped         Code = "crash_stopped"       // 429: one's inputs ended the model's process too often
	Canceled             Code = "canceled"            // 499: the client left
	Internal             Code = "internal"            // 500
	SetupRequired        Code = "setup_required"      // 503
	Busy                 Code = "busy"                // 503: the queue is full
	Loading              Code = "loading"             // 503: the model is not loaded yet
	AuditUnavailable     Code = "audit_unavailable"   // 503: the row could not be made durable
	NotInForce           Code = "not_in_force"        // 503: what was asked is stored, and the server does not go by it yet
	Timeout              Code = "timeout"             // 504
)

// Codes lists every code, so that a test can hold each mapping against it.
func Codes() []Code {
	return []Code{
		Invalid, Unauthenticated, Forbidden, NotFound, NotAvailable, MethodNotAllowed, Conflict, Stale, TooLarge,
		UnsupportedMedia, Misdirected, Unprocessable, RateLimited, Canceled, Internal, SetupRequired, Busy, Loading,
		AuditUnavailable, Timeout, ConfirmationRequired, NotInForce, PayloadRefused, CrashStopped,
	}
}

// Error is what domain code answers with. Message never holds content, names, paths or a cause's text.
type Error struct {
	Code       Code
	Message    string
	Field      string        // the request field that is wrong, "" if none
	RetryAfter time.Duration // when to come back, 0 if unknown
	Line       *Line         // the line that refused or that the time passed in, nil if none
	Limit      *Limit        // the limit that refused, nil if none did or it is not told
	// Headers are what the answer says of limits, nil if it says nothing. Where they are not nil, RetryAfter counts no more.
	Headers map[string]string
	cause   error
}

// Line says how many requests wait for something.
type Line struct {
	Position int // the place that a refused request would have had; 0 where it had one
	Waiting  int
	Capacity int // most that may wait
}

// Limit says which limit had no room.
type Limit struct {
	Name       string    // as in headers
	Unit, Span string    // of a quota: what it counts and for how long, "" of a rate
	Max, Left  int64     // what it lets through, and what is left of that
	Until      time.Time // when the same request fits, zero where waiting does not help
}

// New answers an error without a cause.
func New(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// Newf is New with a format. Its arguments must be safe to show.
func Newf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap answers an error that keeps cause for the log only.
func Wrap(cause error, code Code, message string) *Error {
	return &Error{Code: code, Message: message, cause: cause}
}

// WithField names the request field at fault.
func (e *Error) WithField(field string) *Error { e.Field = field; return e }

// WithRetry says when to come back.
func (e *Error) WithRetry(after time.Duration) *Error { e.RetryAfter = after; return e }

// WithHeaders gives the answer its headers; none at all is one of the things that can be said.
func (e *Error) WithHeaders(h map[string]string) *Error { e.Headers = h; return e }

// WithLine says how long the line is.
func (e *Error) WithLine(l Line) *Error { e.Line = &l; return e }

// WithLimit says which limit refused.
func (e *Error) WithLimit(l Limit) *Error { e.Limit = &l; return e }

// Error is for logs: it includes the cause. Never send it to a client; send Message.
func (e *Error) Error() string {
	if e.cause == nil {
		return string(e.Code) + ": " + e.Message
	}
	return string(e.Code) + ": " + e.Message + ": " + e.cause.Error()
}

// Unwrap answers the cause, nil if there is none.
func (e *Error) Unwrap() error { return e.cause }

// From answers the *Error in err's chain; a canceled or expired context becomes Canceled or Timeout;
// anything else is Internal with a message that tells nothing. nil stays nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return Wrap(err, Canceled, "the caller left before the answer")
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(err, Timeout, "the request took too long")
	}
	return Wrap(err, Internal, "something went wrong on our side")
}

// CodeOf answers the code of err, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return From(err).Code
}
