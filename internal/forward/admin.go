package forward

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward/syslog"
	"guardhouse/internal/forward/webhook"
)

const (
	maxName = 60
	maxURL  = 1024
	maxPEM  = 64 << 10
	// maxDatagram is what UDP over IPv4 can carry.
	maxDatagram = 65507
	// previousFor is how long a webhook's posts are signed with the secret before as well.
	previousFor = 7 * 24 * time.Hour
)

// Wanted is a target that somebody asks for. From says where it begins, FromNow if empty. Key is the client certificate's.
type Wanted struct {
	Kind, Name, From string
	Settings
	Key string
}

// Change is what is to be another one; nil stays. A new certificate comes with its key.
type Change struct {
	Name, Address, URL, ServerName, CA, Certificate, Key *string
	Paused                                               *bool
}

// List answers all targets to a caller with settings.manage. It refuses others (Forbidden, with its row).
func (s *Service) List(ctx context.Context, p access.Principal) ([]Target, error) {
	if err := s.mayRead(ctx, p); err != nil {
		return nil, err
	}
	return s.Targets(ctx)
}

func (s *Service) mayRead(ctx context.Context, p access.Principal) error {
	if s.d.Guard.Can(p, access.SettingsManage) {
		return nil
	}
	if err := s.d.Guard.Reject(ctx, p, access.Op{Action: access.SettingsManage, Resource: "forwarding"}, audit.Deny, string(fault.Forbidden)); err != nil {
		return err
	}
	return fault.New(fault.Forbidden, "You may not do this.")
}

// Create adds a target for a holder of settings.manage who confirmed, and answers it; for a webhook with its secret, which
// nobody is shown again. It refuses what is no target (Invalid), a host that the configuration does not let the server connect to
// (Unprocessable), a name that is taken and a 17th target (Conflict), and a session that did not confirm (ConfirmationRequired).
func (s *Service) Create(ctx context.Context, p access.Principal, n Wanted) (t Target, secret string, err error) {
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: "forwarding"})
	if err != nil {
		return t, "", err
	}
	defer pass.Close(&err)
	r, secret, bad := s.newRow(ctx, n)
	err = s.commit(ctx, pass, p, act{change: "create", row: r, bad: bad}, func(tx *db.Tx, ev audit.Event) error {
		r.CreatedAt, r.CreatedBy = tx.Now().UnixMilli(), ev.Actor.Name
		return insertTarget(tx, r)
	})
	if err != nil {
		return t, "", err
	}
	t, err = s.target(context.WithoutCancel(ctx), r.ID)
	return t, secret, err
}

func (s *Service) newRow(ctx context.Context, n Wanted) (r row, secret string, err error) {
	r = row{ID: "fwd_" + ulid.Make().String(), Kind: n.Kind, Version: 1}
	if r.Name, err = name(n.Name); err != nil {
		return r, "", err
	}
	r.NameKey = nameKey(r.Name)
	secret = n.Key
	if n.Kind == Webhook {
		if n.Key != "" {
			return r, "", fault.New(fault.Invalid, "A webhook's secret is made here: it has no key.").WithField("key")
		}
		if secret, err = webhook.NewSecret(); err != nil {
			return r, "", err
		}
	}
	if n.From != "" && n.From != FromNow && n.From != FromStart {
		return r, "", fault.New(fault.Invalid, "A target begins now or at the start.").WithField("from")
	}
	if err := s.check(n.Kind, &n.Settings, secret); err != nil {
		return r, "", err
	}
	if err := s.keep(&r, n.Settings); err != nil {
		return r, "", err
	}
	r.Secret = s.seal(r.ID, columnSecret, secret)
	at, err := s.start(ctx, n.From)
	r.Seq, r.Checkpoint = at.Seq, at.Checkpoint
	if n.Kind != Webhook {
		secret = ""
	}
	return r, secret, err
}

// check refuses settings that no target of the kind has, and fills in what is left out.
func (s *Service) check(kind string, set *Settings, secret string) error {
	switch set.Scope {
	case "":
		set.Scope = Everything
	case Everything, Alerts:
	default:
		return fault.New(fault.Invalid, "A target is sent all or alerts.").WithField("scope")
	}
	switch kind {
	case Webhook:
		return s.checkWebhook(*set)
	case Syslog:
		return s.checkSyslog(set, secret)
	}
	return fault.New(fault.Invalid, "A target is syslog or webhook.").WithField("kind")
}

func (s *Service) checkWebhook(set Settings) error {
	u, err := url.Parse(set.URL)
	if err != nil || len(set.URL) > maxURL || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fault.New(fault.Invalid, "A webhook's address begins with https:// and has no user and no fragment.").WithField("url")
	}
	if strings.Contains(set.URL, hidden) {
		return fault.New(fault.Invalid, "What is shown of a webhook's address is not all of it: give the whole one, or leave it out.").WithField("url")
	}
	if set.Address != "" || set.Transport != "" || set.CA != "" || set.Certificate != "" || set.ServerName != "" || set.Facility != 0 || set.MaxBytes != 0 {
		return fault.New(fault.Invalid, "A webhook has a url and no settings of syslog.").WithField("url")
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	return under("url", s.dialer.Check(address))
}

// under names the field of the request that a check of an address is about.
func under(field string, err error) error {
	if err == nil {
		return nil
	}
	return fault.From(err).WithField(field)
}

func (s *Service) checkSyslog(set *Settings, key string) error {
	switch {
	case set.URL != "":
		return fault.New(fault.Invalid, "A syslog target has an address and no url.").WithField("url")
	case set.Transport != UDP && set.Transport != TCP && set.Transport != TLS:
		return fault.New(fault.Invalid, "The transport is udp, tcp or tls.").WithField("transport")
	case set.Transport != TLS && (set.CA != "" || set.Certificate != "" || key != "" || set.ServerName != ""):
		return fault.New(fault.Invalid, "Certificates and a server name are for tls alone.").WithField("transport")
	case len(set.CA) > maxPEM || len(set.Certificate) > maxPEM || len(key) > maxPEM || len(set.ServerName) > 253:
		return fault.New(fault.Invalid, "A certificate or the server name is too long.").WithField("ca")
	case set.Facility < 0 || set.Facility > 23:
		return fault.New(fault.Invalid, "A facility is a number from 0 to 23.").WithField("facility")
	case set.Transport == UDP && set.MaxBytes > maxDatagram:
		return fault.Newf(fault.Invalid, "A datagram has at most %d bytes.", maxDatagram).WithField("max_bytes")
	case set.MaxBytes != 0 && (set.MaxBytes < syslog.LeastBytes || set.MaxBytes > syslog.MostBytes):
		return fault.Newf(fault.Invalid, "A message is bounded by %d to %d bytes.", syslog.LeastBytes, syslog.MostBytes).WithField("max_bytes")
	}
	if set.Facility == 0 {
		set.Facility = syslog.FacilityAudit // 0 is the kernel's, which we are not
	}
	if err := s.dialer.Check(set.Address); err != nil {
		return err
	}
	if set.Transport == TLS {
		_, err := tlsConfig(*set, key)
		return err
	}
	return nil
}

// name answers a target's name: one line of characters that are seen.
func name(given string) (string, error) {
	n := norm.NFC.String(strings.TrimSpace(given))
	unseen := strings.ContainsFunc(n, func(r rune) bool { return unicode.Is(unicode.C, r) || unicode.In(r, unicode.Zl, unicode.Zp) })
	if n == "" || !utf8.ValidString(given) || utf8.RuneCountInString(n) > maxName || unseen {
		return "", fault.Newf(fault.Invalid, "A name is one line of 1 to %d characters.", maxName).WithField("name")
	}
	return n, nil
}

func nameKey(n string) string { return cases.Fold().String(norm.NFKC.String(n)) }

// act is one act of administration on its way through the gate. bad is why what was asked for can't be.
type act struct {
	change string
	row    row
	bad    error
	free   bool // nobody is asked for the password
}

// commit asks in the transaction whether the caller may, writes the row of the log and runs fn.
func (s *Service) commit(ctx context.Context, pass *access.Pass, p access.Principal, a act, fn func(*db.Tx, audit.Event) error) error {
	details := map[string]any{"change": a.change}
	if a.row.Kind == Syslog || a.row.Kind == Webhook {
		details["kind"] = a.row.Kind
	}
	out := access.Outcome{Resource: "forwarding:" + a.row.ID, Details: details, Check: func(tx *db.Tx) (map[string]any, error) {
		if err := s.d.Guard.Administer(tx, p, access.SettingsManage); err != nil {
			return nil, err
		}
		if !a.free {
			if err := p.Confirmed(); err != nil {
				return nil, err
			}
		}
		if a.bad != nil {
			return nil, a.bad
		}
		return map[string]any{"name": a.row.Name, "target": where(a.row)}, nil
	}}
	_, err := pass.Commit(ctx, out, fn)
	return err
}

// where answers the host that a target is at: a webhook's path may hold a secret of the receiver's.
func where(r row) string {
	set, err := r.settings()
	if err != nil {
		return ""
	}
	if r.Kind == Webhook {
		if u, err := url.Parse(set.URL); err == nil {
			return u.Host
		}
	}
	return set.Transport + " " + set.Address
}
