// Package alert looks at what needs somebody at once and tells of it: a row of the log when it begins and one when it is over,
// which targets of forwarding carry on. It owns what was told, so that it is told once, also after a restart, and not again within
// the hour when something comes and goes. What is looked at is handed in. It may import audit, db and fault.
package alert

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// Kinds of alerts: the reasons of their rows.
const (
	SignInBurst     = "sign_in_burst"
	ChainBroken     = "chain_broken"
	DiskLow         = "disk_low"
	KeyUnused       = "key_unused"
	KeyLeaked       = "key_leaked"
	AnchorFailing   = "anchor_failing"
	ForwardingStuck = "forwarding_stuck"
	CanaryDrift     = "canary_drift"
)

// The actions of an alert's rows.
const (
	Raise = "alert.raise"
	Clear = "alert.clear"
)

// actor is who appends the rows.
const actor = "alerts"

// Finding is one thing that needs somebody. Subject tells several of a kind apart; Details stand in the row.
type Finding struct {
	Subject string
	Details map[string]any
}

// ErrUnknown is a check's answer that it cannot say yet, which is no failure.
var ErrUnknown = errors.New("not looked at yet")

// Check looks for findings of one kind. Where it answers an error, nothing is raised and nothing cleared. An alert lasts for
// Lasts at least, where what is looked at is forgotten by a restart.
type Check struct {
	Kind  string
	Find  func(ctx context.Context) ([]Finding, error)
	Lasts time.Duration
}

// Alert is one that was told of. ClearedAt is zero as long as it lasts.
type Alert struct {
	Kind, Subject, EventID string
	Details                map[string]any
	RaisedAt, ClearedAt    time.Time
}

// Options of a Service; zero values are this release's. Every is how often the checks look, Quiet how long after an alert the same
// is not raised again.
type Options struct {
	Every, Quiet time.Duration
	Log          *slog.Logger
}

// Service raises and clears alerts.
type Service struct {
	db      *db.DB
	log     *audit.Log
	o       Options
	checks  []Check
	failing map[string]bool // checks that could not look, told once
}

// New answers a service over the checks.
func New(d *db.DB, log *audit.Log, checks []Check, o Options) *Service {
	if o.Every <= 0 {
		o.Every = 30 * time.Second
	}
	if o.Quiet <= 0 {
		o.Quiet = time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{db: d, log: log, o: o, checks: checks, failing: map[string]bool{}}
}

// Run looks again and again until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	for {
		s.Look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Look looks once. It belongs to one goroutine.
func (s *Service) Look(ctx context.Context) {
	for _, c := range s.checks {
		err := s.look(ctx, c)
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil && ctx.Err() == nil && !s.failing[c.Kind] {
			s.o.Log.Error("looking whether an alert is due", "kind", c.Kind, "err", err)
		}
		s.failing[c.Kind] = err != nil
	}
}

func (s *Service) look(ctx context.Context, c Check) error {
	found, err := c.Find(ctx)
	if err != nil {
		return err
	}
	now := s.db.Now()
	told, err := s.told(ctx, c.Kind, now)
	if err != nil {
		return err
	}
	known := len(told)
	lasting := map[string]bool{}
	for _, f := range found {
		lasting[f.Subject] = true
		before, ok := told[f.Subject]
		if ok && (before.ClearedAt.IsZero() || now.Sub(before.RaisedAt) < s.o.Quiet) {
			continue
		}
		if !ok {
			if known >= mostTold {
				continue
			}
			known++
		}
		if err := s.raise(c.Kind, f); err != nil {
			return err
		}
	}
	for subject, a := range told {
		if !lasting[subject] && a.ClearedAt.IsZero() && now.Sub(a.RaisedAt) >= c.Lasts {
			if err := s.clear(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// Open answers the alerts that last, newest first.
func (s *Service) Open(ctx context.Context) ([]Alert, error) {
	return s.list(ctx, "cleared_at IS NULL")
}

// Recent answers alerts that last and those of the last days, newest first, at most 50.
func (s *Service) Recent(ctx context.Context) ([]Alert, error) { return s.list(ctx, "1 = 1") }

// entry is the row of an alert.
func entry(action, kind, subject string, details map[string]any) audit.Entry {
	return audit.Entry{
		Actor: audit.Actor{Type: "system", Name: actor}, Action: action, Decision: audit.Allow, Reason: kind, Resource: resource(kind, subject), Details: details,
	}
}

func resource(kind, subject string) string {
	if subject == "" {
		return "alert:" + kind
	}
	return "alert:" + kind + ":" + subject
}
