package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward/syslog"
)

// item is one thing that is sent: a row or a checkpoint. at is where the target is once it has it.
type item struct {
	event *audit.Event
	note  *Note
	at    Position
}

// sink sends to one target. Send puts items on their way in order, Settled answers how many of all of them were taken for
// sure, Finish ends what is under way as far as that can be done at once. After an error it is closed, and what was not settled
// is sent again on a new one.
type sink interface {
	Send(ctx context.Context, items []item) error
	Settled(ctx context.Context) (int64, error)
	Finish(ctx context.Context) (int64, error)
	Close() error
}

// termMessages is how many messages a connection carries at most before the receiver is asked whether it has read them.
const termMessages = 2000

// sink answers one for a target, with its secrets. doubt outlives it: where a post ended of which nobody knows whether it was taken.
func (s *Service) sink(ctx context.Context, r row, doubt *Position) (sink, error) {
	set, err := s.whole(r)
	if err != nil {
		return nil, err
	}
	if r.Kind == Webhook {
		secrets, err := s.secrets(r)
		if err != nil {
			return nil, err
		}
		return &posts{s: s, id: r.ID, url: set.URL, secrets: secrets, doubt: doubt}, nil
	}
	o, err := s.stream(r, set)
	if err != nil {
		return nil, err
	}
	out := &messages{encoder: s.encoder(set)}
	if set.Transport == UDP {
		out.sender, err = syslog.OpenDatagrams(ctx, o.Dial)
		return out, err
	}
	out.sender = syslog.NewStream(o)
	return out, nil
}

func (s *Service) encoder(set Settings) syslog.Encoder {
	e := syslog.Encoder{Host: s.o.Host, Facility: set.Facility, Max: set.MaxBytes}
	switch {
	case e.Max > 0:
	case set.Transport == UDP:
		e.Max = syslog.DefaultUDP
	default:
		e.Max = syslog.DefaultBytes
	}
	return e
}

// stream answers how a syslog target is connected to.
func (s *Service) stream(r row, set Settings) (syslog.Options, error) {
	network := TCP
	if set.Transport == UDP {
		network = UDP
	}
	o := syslog.Options{
		Term: s.o.Term, TermMessages: termMessages, Settle: s.o.Settle, Now: s.o.Now,
		Dial: func(ctx context.Context) (net.Conn, error) { return s.dialer.DialContext(ctx, network, set.Address) },
	}
	if set.Transport != TLS {
		return o, nil
	}
	key, err := s.open(r.ID, columnSecret, r.Secret)
	if err != nil {
		return o, err
	}
	o.TLS, err = tlsConfig(set, key)
	return o, err
}

// tlsConfig refuses a CA, a certificate and a key that are none, and those of two pairs.
func tlsConfig(set Settings, key string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(set.Address)
	if err != nil {
		return nil, fault.New(fault.Invalid, "An address is a host and a port, like logs.example.org:6514.").WithField("address")
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if set.ServerName != "" {
		c.ServerName = set.ServerName
	}
	if set.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(set.CA)) {
			return nil, fault.New(fault.Invalid, "The CA is no certificate in PEM.").WithField("ca")
		}
	}
	if (set.Certificate == "") != (key == "") {
		return nil, fault.New(fault.Invalid, "A client certificate and its key go together.").WithField("certificate")
	}
	if set.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(set.Certificate), []byte(key))
		if err != nil {
			return nil, fault.New(fault.Invalid, "The client certificate and its key are no pair in PEM.").WithField("certificate")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// messages sends items as syslog messages.
type messages struct {
	encoder syslog.Encoder
	sender  interface {
		Send(ctx context.Context, messages [][]byte) error
		Settled(ctx context.Context) (int64, error)
		Finish(ctx context.Context) (int64, error)
		Close() error
	}
}

// Send encodes and sends.
func (m *messages) Send(ctx context.Context, items []item) error {
	out := make([][]byte, 0, len(items))
	for _, it := range items {
		raw, err := m.encode(it)
		if err != nil {
			return err
		}
		out = append(out, raw)
	}
	return m.sender.Send(ctx, out)
}

func (m *messages) encode(it item) ([]byte, error) {
	if n := it.note; n != nil {
		return m.encoder.Note(n.Number, n.Seq, n.Hash, n.At, n.Text)
	}
	return m.encoder.Row(*it.event)
}

// Settled is the sender's.
func (m *messages) Settled(ctx context.Context) (int64, error) { return m.sender.Settled(ctx) }

// Finish is the sender's.
func (m *messages) Finish(ctx context.Context) (int64, error) { return m.sender.Finish(ctx) }

// Close is the sender's.
func (m *messages) Close() error { return m.sender.Close() }

// secrets are those of a webhook: the one in force, and the one before as long as it is good.
type secrets struct {
	now, previous string
	until         time.Time
}

func (s secrets) at(now time.Time) []string {
	if s.previous != "" && now.Before(s.until) {
		return []string{s.now, s.previous}
	}
	return []string{s.now}
}

func (s *Service) secrets(r row) (out secrets, err error) {
	if out.now, err = s.open(r.ID, columnSecret, r.Secret); err != nil {
		return out, err
	}
	out.until = moment(r.SecretPreviousUntil)
	out.previous, err = s.open(r.ID, columnPrevious, r.SecretPrevious)
	return out, err
}

// The columns that secrets are sealed for.
const (
	columnSecret   = "secret"
	columnPrevious = "secret_previous"
	columnURL      = "url"
)
