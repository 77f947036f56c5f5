package forward

import (
	"context"
	"net/url"
	"strings"
	"time"

	"guardhouse/internal/fault"
)

// Targets answers all of them, oldest first, for whoever has asked the gate.
func (s *Service) Targets(ctx context.Context) ([]Target, error) {
	rows, err := s.rows(ctx)
	if err != nil {
		return nil, err
	}
	head, _, _, err := s.d.Log.Head(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Target, 0, len(rows))
	for _, r := range rows {
		t, err := s.shown(ctx, r, head)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (s *Service) target(ctx context.Context, id string) (Target, error) {
	r, err := s.row(ctx, id)
	if err != nil {
		return Target{}, err
	}
	head, _, _, err := s.d.Log.Head(ctx)
	if err != nil {
		return Target{}, err
	}
	return s.shown(ctx, r, head)
}

// mostBacklog bounds the count of alerts that a target lacks.
const mostBacklog = 1000

func (s *Service) shown(ctx context.Context, r row, head int64) (Target, error) {
	set, err := r.settings()
	if err != nil {
		return Target{}, err
	}
	t := Target{
		ID: r.ID, Kind: r.Kind, Name: r.Name, Settings: set, Position: r.position(), Backlog: max(head-r.Seq, 0), Sent: r.Sent, Failed: r.Failed,
		SentAt: moment(r.SentAt), Error: r.LastError, FailingSince: moment(r.FailingSince), CreatedAt: time.UnixMilli(r.CreatedAt).UTC(), CreatedBy: r.CreatedBy,
		PreviousSecretTo: moment(r.SecretPreviousUntil), HasClientKey: r.Kind == Syslog && len(r.Secret) > 0,
	}
	if set.Scope == Alerts {
		if t.Backlog, err = s.d.Log.CountAfter(ctx, AlertActions(), r.Seq, mostBacklog); err != nil {
			return Target{}, err
		}
	}
	if !s.o.Now().Before(t.PreviousSecretTo) {
		t.PreviousSecretTo = time.Time{}
	}
	t.State = t.state(r.PausedAt != nil)
	return t, nil
}

// masked answers a webhook's address up to its host: what follows may be the receiver's secret, and nobody is shown it again.
func masked(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	if u.RawQuery == "" && strings.Trim(u.Path, "/") == "" {
		return address
	}
	return u.Scheme + "://" + u.Host + "/" + hidden
}

// hidden stands for what is not shown of an address. No address has it, for it is no ASCII.
const hidden = "…"

func (t Target) state(paused bool) string {
	switch {
	case paused:
		return Paused
	case t.Error != "":
		return Failing
	case t.Backlog > 0:
		return Sending
	}
	return Current
}

// Find answers a target by id or name, for the command line; NotFound for none.
func (s *Service) Find(ctx context.Context, word string) (Target, error) {
	all, err := s.Targets(ctx)
	if err != nil {
		return Target{}, err
	}
	for _, t := range all {
		if t.ID == word || nameKey(t.Name) == nameKey(word) {
			return t, nil
		}
	}
	return Target{}, fault.New(fault.NotFound, "There is no such target.")
}

// Stats is what this process did for a target.
type Stats struct {
	ID, Kind     string
	Backlog      int64
	Sent, Failed uint64
}

// Stats answers figures of every target, for metrics.
func (s *Service) Stats(ctx context.Context) ([]Stats, error) {
	all, err := s.Targets(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Stats, 0, len(all))
	for _, t := range all {
		c := s.stats[t.ID]
		out = append(out, Stats{ID: t.ID, Kind: t.Kind, Backlog: t.Backlog, Sent: c.sent, Failed: c.failed})
	}
	return out, nil
}

// Hosts answers where the configuration lets the server connect to, as names and ports.
func (s *Service) Hosts() []string {
	out := make([]string, 0, len(s.dialer.Hosts))
	for _, h := range s.dialer.Hosts {
		out = append(out, h.String())
	}
	return out
}
