package forward

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward/syslog"
	"guardhouse/internal/forward/webhook"
)

// Change changes a target for a holder of settings.manage who confirmed. It refuses as Create does, and an unknown target
// (NotFound). How far the target is stays: what it does not have yet goes to the new address.
func (s *Service) Change(ctx context.Context, p access.Principal, id string, c Change) (t Target, err error) {
	r, pass, err := s.enter(ctx, p, id)
	if err != nil {
		return t, err
	}
	defer pass.Close(&err)
	bad := s.apply(&r, c)
	err = s.commit(ctx, pass, p, act{change: c.word(), row: r, bad: bad}, func(tx *db.Tx, _ audit.Event) error {
		if c.Paused != nil {
			r.PausedAt = nil
			if *c.Paused {
				r.PausedAt = millis(tx.Now())
			}
		}
		return s.update(tx, r)
	})
	if err != nil {
		return t, err
	}
	return s.target(context.WithoutCancel(ctx), id)
}

// word names a change for the log.
func (c Change) word() string {
	switch {
	case c.Paused == nil || c.Name != nil || c.Address != nil || c.URL != nil || c.ServerName != nil || c.CA != nil || c.Certificate != nil || c.Key != nil:
		return "change"
	case *c.Paused:
		return "pause"
	}
	return "resume"
}

// enter asks the gate and reads the target. One that is not there leaves its row too.
func (s *Service) enter(ctx context.Context, p access.Principal, id string) (row, *access.Pass, error) {
	resource := "forwarding:" + id[:min(len(id), len("fwd_")+26)]
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: resource})
	if err != nil {
		return row{}, nil, err
	}
	r, err := s.row(ctx, id)
	if err != nil {
		refused := access.Outcome{Check: func(*db.Tx) (map[string]any, error) { return nil, err }}
		_, errCommit := pass.Commit(ctx, refused, nil)
		pass.Close(&errCommit)
		return row{}, nil, errCommit
	}
	return r, pass, nil
}

// update refuses a target that another one has changed since r was read (Stale).
func (s *Service) update(tx *db.Tx, r row) error {
	now, err := one(tx.Gorm(), r.ID)
	switch {
	case err != nil:
		return err
	case now.Version != r.Version:
		return fault.New(fault.Stale, "The target was changed meanwhile. Look at it again.")
	}
	return updateTarget(tx, r)
}

func (s *Service) apply(r *row, c Change) (err error) {
	set, err := s.whole(*r)
	if err != nil {
		return err
	}
	if c.Name != nil {
		if r.Name, err = name(*c.Name); err != nil {
			return err
		}
		r.NameKey = nameKey(r.Name)
	}
	for _, f := range []struct{ from, to *string }{
		{c.Address, &set.Address}, {c.URL, &set.URL}, {c.ServerName, &set.ServerName}, {c.CA, &set.CA}, {c.Certificate, &set.Certificate},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	secret, err := s.open(r.ID, columnSecret, r.Secret)
	if err != nil {
		return err
	}
	if c.Key != nil {
		if r.Kind != Syslog {
			return fault.New(fault.Invalid, "A webhook's secret is made here: it has no key.").WithField("key")
		}
		secret = *c.Key
		r.Secret = s.seal(r.ID, columnSecret, secret)
	}
	if c.Paused == nil || c.word() == "change" { // pausing what is no longer permitted must work
		if err := s.check(r.Kind, &set, secret); err != nil {
			return err
		}
	}
	return s.keep(r, set)
}

// Rotate gives a webhook a new secret for a holder of settings.manage who confirmed, and answers it; nobody is shown it again.
// Posts are signed with the one before as well for a week, or until the next rotation. Conflict for a syslog target.
func (s *Service) Rotate(ctx context.Context, p access.Principal, id string) (t Target, secret string, err error) {
	r, pass, err := s.enter(ctx, p, id)
	if err != nil {
		return t, "", err
	}
	defer pass.Close(&err)
	var bad error
	if r.Kind != Webhook {
		bad = fault.New(fault.Conflict, "Only a webhook has a secret that is rotated.")
	}
	old, err := s.open(r.ID, columnSecret, r.Secret)
	if err != nil {
		return t, "", err
	}
	if secret, err = webhook.NewSecret(); err != nil {
		return t, "", err
	}
	r.SecretPrevious, r.Secret = s.seal(r.ID, columnPrevious, old), s.seal(r.ID, columnSecret, secret)
	err = s.commit(ctx, pass, p, act{change: "rotate", row: r, bad: bad}, func(tx *db.Tx, _ audit.Event) error {
		r.SecretPreviousUntil = millis(tx.Now().Add(previousFor))
		return s.update(tx, r)
	})
	if err != nil {
		return t, "", err
	}
	t, err = s.target(context.WithoutCancel(ctx), id)
	return t, secret, err
}

// Remove ends a target for a holder of settings.manage who confirmed. The row in the log stays.
func (s *Service) Remove(ctx context.Context, p access.Principal, id string) (err error) {
	r, pass, err := s.enter(ctx, p, id)
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	return s.commit(ctx, pass, p, act{change: "remove", row: r}, func(tx *db.Tx, _ audit.Event) error { return deleteTarget(tx, id) })
}

// Test sends one message that says nothing to a target, and answers "" or the code of what went wrong. It leaves its row, and
// changes nothing about what was sent.
func (s *Service) Test(ctx context.Context, p access.Principal, id string) (code string, err error) {
	r, pass, err := s.enter(ctx, p, id)
	if err != nil {
		return "", err
	}
	defer pass.Close(&err)
	// The row first: what leaves the machine is in the log, whatever becomes of it.
	if err = s.commit(ctx, pass, p, act{change: "test", row: r, free: true}, nil); err != nil {
		return "", err
	}
	if err := s.probe(ctx, r); err != nil {
		if ctx.Err() != nil {
			return "", fault.From(ctx.Err())
		}
		return codeOf(err), nil
	}
	return "", nil
}

func (s *Service) probe(ctx context.Context, r row) error {
	set, err := s.whole(r)
	if err != nil {
		return err
	}
	now := s.o.Now()
	if r.Kind == Webhook {
		secrets, err := s.secrets(r)
		if err != nil {
			return err
		}
		body := webhook.Body{Target: r.ID, Delivery: r.ID + "-test", Test: true, Events: []audit.Event{}, Checkpoints: []string{}}
		return webhook.Post(ctx, s.client, set.URL, secrets.at(now), now, body)
	}
	o, err := s.stream(r, set)
	if err != nil {
		return err
	}
	message := s.encoder(set).Test(r.ID, now)
	if set.Transport != UDP {
		return syslog.Probe(ctx, o, message)
	}
	d, err := syslog.OpenDatagrams(ctx, o.Dial)
	if err != nil {
		return err
	}
	return d.Once(ctx, message)
}
