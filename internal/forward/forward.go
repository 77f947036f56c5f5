// Package forward sends the audit log to other machines: to syslog receivers, and as signed posts. The buffer is the log
// itself: each target has a durable cursor, so that nothing is kept twice, nothing is lost while a target is away, and no
// writer ever waits for one. A target's failures leave no rows, so that no failure makes another. It may import access, audit,
// db, fault and what lies below it.
package forward

import (
	"context"
	"crypto/cipher"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/forward/outbound"
)

// Kinds of targets.
const (
	Syslog  = "syslog"
	Webhook = "webhook"
)

// Transports of a syslog target.
const (
	UDP = "udp"
	TCP = "tcp"
	TLS = "tls"
)

// Scopes: what a target is sent.
const (
	Everything = "all"    // every row, and every signed checkpoint
	Alerts     = "alerts" // rows of alerts alone
)

// Places where a new target begins.
const (
	FromNow   = "now"
	FromStart = "start"
)

// Settings of a target. Address is host:port of a syslog receiver; URL is a webhook's. CA and Certificate are PEM; the
// certificate's key is a secret.
type Settings struct {
	Transport   string `json:"transport,omitempty"`
	Address     string `json:"address,omitempty"`
	ServerName  string `json:"server_name,omitempty"`
	CA          string `json:"ca,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Facility    int    `json:"facility,omitempty"`
	MaxBytes    int    `json:"max_bytes,omitempty"`
	URL         string `json:"url,omitempty"`
	Scope       string `json:"scope"`
}

// Position is how far a target is: the last row and the last checkpoint that it has.
type Position struct{ Seq, Checkpoint int64 }

// States of a target.
const (
	Paused  = "paused"
	Sending = "sending" // there is something that it does not have yet
	Current = "current"
	Failing = "failing"
)

// Target is one as it is shown. It holds no secret: URL ends with the host.
type Target struct {
	ID, Kind, Name string
	Settings
	State            string
	Position         Position
	Backlog          int64 // rows that it does not have yet
	Sent, Failed     int64 // messages taken, and attempts that failed
	SentAt           time.Time
	Error            string // code of the last failure, "" if it works
	FailingSince     time.Time
	CreatedAt        time.Time
	CreatedBy        string
	PreviousSecretTo time.Time // until when the secret before is good as well, zero without one
	HasClientKey     bool
}

// Note is a signed checkpoint.
type Note struct {
	Number, Seq int64
	Hash        string
	At          time.Time
	Text        string
}

// Deps are what a service works with. Key seals secrets. Notes answers checkpoints after a number, at most limit; nil = there
// are none.
type Deps struct {
	DB    *db.DB
	Log   *audit.Log
	Guard *access.Guard
	Key   []byte
	Notes func(ctx context.Context, after int64, limit int) ([]Note, error)
}

// Options of a service; zero values are this release's.
type Options struct {
	Hosts []outbound.Host
	Host  string // this machine's name, in messages
	Now   func() time.Time
	Log   *slog.Logger

	// Pace: how often the log is looked at, how long a connection's term lasts, how long a receiver must live after it has
	// read, and the first and the longest wait after a failure.
	Poll, Term, Settle, Retry, RetryMost time.Duration
	Dialer                               *outbound.Dialer // nil = one for Hosts
	Roots                                *x509.CertPool   // whose certificates webhooks may have; nil = the system's
}

// Service administers targets and sends to them. All methods may be called from any goroutine.
type Service struct {
	d      Deps
	o      Options
	sealer cipher.AEAD
	dialer *outbound.Dialer
	client *http.Client

	mu    sync.Mutex
	stats map[string]counts // by target, of this process

	unread map[string]int64 // versions of targets whose row cannot be read; Run's alone
}

// counts is what this process has done for a target.
type counts struct {
	sent, failed uint64
	err          string
}

// New answers a service over a database. It sends nothing before Run.
func New(d Deps, o Options) (*Service, error) {
	sealer, err := newSealer(d.Key)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = d.DB.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, p := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&o.Poll, 250 * time.Millisecond},
		{&o.Term, time.Second},
		{&o.Settle, 2 * time.Second},
		{&o.Retry, time.Second},
		{&o.RetryMost, time.Minute},
	} {
		if *p.value <= 0 {
			*p.value = p.usual
		}
	}
	s := &Service{d: d, o: o, sealer: sealer, dialer: o.Dialer, stats: map[string]counts{}, unread: map[string]int64{}}
	if s.dialer == nil {
		s.dialer = &outbound.Dialer{Hosts: o.Hosts}
	}
	transport := s.dialer.Transport()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
	s.client = outbound.Client(transport)
	return s, nil
}
