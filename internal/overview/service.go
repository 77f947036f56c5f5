package overview

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// latest is how many refusals and changes are shown.
const latest = 6

// lately is how far back sign-ins and full queues are looked for.
const lately = time.Hour

// Service answers overviews. Its methods may be called from several goroutines.
type Service struct {
	d       Deps
	now     func() time.Time
	started time.Time
	ledger  *ledger
	rounds  rounds
}

// New answers a service over the others. It reads nothing yet.
func New(d Deps, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	if o.Started.IsZero() {
		o.Started = o.Now()
	}
	s := &Service{d: d, now: o.Now, started: o.Started, rounds: newRounds()}
	s.ledger = &ledger{since: d.Log.Since, follow: d.Moderation.Volume, now: o.Now, head: func(ctx context.Context) (int64, error) {
		seq, _, _, err := d.Log.Head(ctx)
		return seq, err
	}}
	return s
}

// Look answers the view of p over a window. notReady are the codes of what keeps the server from a verdict, as its readiness
// lists them. It refuses who may not read metrics, and a window that is nobody's day; what p may not see is left out.
func (s *Service) Look(ctx context.Context, p access.Principal, w Window, notReady []string) (View, error) {
	if !s.d.Guard.Can(p, access.MetricsRead) {
		return View{}, fault.New(fault.Forbidden, "You may not see figures of the server.")
	}
	now := s.now()
	w, err := w.Check(now)
	if err != nil {
		return View{}, err
	}
	v := View{At: now}
	if v.Today, v.Hours, err = s.ledger.day(ctx, w); err != nil {
		return View{}, err
	}
	refused, err := s.d.Log.Count(ctx, audit.CountOf{Decision: audit.Deny, From: w.From, To: w.From.Add(time.Duration(w.Hours) * time.Hour)})
	if err != nil {
		return View{}, err
	}
	v.Today.Refused = refused.Attempts
	if v.Chain, err = s.chain(ctx); err != nil {
		return View{}, err
	}
	if err := s.people(ctx, p, &v); err != nil {
		return View{}, err
	}
	f, err := s.facts(ctx, p, v, notReady)
	if err != nil {
		return View{}, err
	}
	v.Needs = f.needs()
	v.State = stateOf(v, notReady)
	return v, nil
}

// people fills in what not everybody who reads metrics may see: models and rows of the log.
func (s *Service) people(ctx context.Context, p access.Principal, v *View) (err error) {
	if s.d.Guard.Can(p, access.ModelView) {
		if v.Models, err = s.models(ctx, p); err != nil {
			return err
		}
	}
	if !s.d.Guard.Can(p, access.AuditRead) {
		return nil
	}
	page, err := s.d.Log.List(ctx, audit.Filter{Decision: audit.Deny, Limit: latest})
	if err != nil {
		return err
	}
	v.Refusals = orNone(page.Items)
	changes, err := s.d.Log.LatestOf(ctx, changing(), latest)
	v.Changes = orNone(changes)
	return err
}

func orNone(list []audit.Event) []audit.Event {
	if list == nil {
		return []audit.Event{}
	}
	return list
}

// changing are the actions that leave the server other than it was.
func changing() []string {
	out := []string{}
	for _, a := range []access.Action{
		access.UserManage, access.KeyManage, access.KeyOwn, access.ModelManage, access.ACLManage, access.SettingsManage, access.AuthSetup,
	} {
		out = append(out, string(a))
	}
	return out
}

func (s *Service) models(ctx context.Context, p access.Principal) ([]Model, error) {
	list, err := s.d.Catalog.List(ctx, p)
	if err != nil {
		return nil, err
	}
	out := make([]Model, 0, len(list))
	for _, m := range list {
		out = append(out, Model{Model: m})
	}
	for _, st := range s.d.Scheduler.Status() {
		for i := range out {
			if out[i].ID == st.ID {
				out[i].Device, out[i].Slots, out[i].Busy, out[i].Queued = st.Description.Device, st.Description.Slots, st.Active-st.Waiting, st.Queued
			}
		}
	}
	return out, nil
}

// chain is the head of the log and what the last walk of this process found.
func (s *Service) chain(ctx context.Context) (Chain, error) {
	seq, _, at, err := s.d.Log.Head(ctx)
	if err != nil {
		return Chain{}, err
	}
	known := s.d.Log.Stats()
	c := Chain{State: ChainUnverified, Seq: seq, At: at, VerifiedAt: known.VerifiedAt}
	switch {
	case !known.VerifiedAt.IsZero() && !known.VerifiedOK:
		c.State, c.Finding, c.FindingSeq = ChainBroken, known.Verified.Finding, known.Verified.At
	case !known.VerifiedAt.IsZero():
		c.State = ChainWhole
	case seq == 0:
		c.State = ChainEmpty
	}
	return c, nil
}

func stateOf(v View, notReady []string) string {
	switch {
	case v.Chain.State == ChainBroken:
		return Broken
	case len(notReady) > 0:
		return NotReady
	case len(v.Needs) > 0:
		return Needs
	}
	return Quiet
}

// facts asks what needs are made of.
func (s *Service) facts(ctx context.Context, p access.Principal, v View, notReady []string) (f facts, err error) {
	f = facts{
		now: v.At, started: s.started, can: func(a access.Action) bool { return s.d.Guard.Can(p, a) },
		notReady: notReady, chain: v.Chain, models: v.Models, certificate: s.d.Machine.certificate(), report: s.rounds.last(),
	}
	f.disk, f.diskKnown = s.d.Machine.disk()
	if s.d.Ignored != nil {
		f.ignored = s.d.Ignored(ctx)
	}
	if s.d.Proofs != nil {
		proofs := s.d.Proofs()
		f.proofs = &proofs
	}
	if s.d.RulesFile != nil {
		f.rulesFile = s.d.RulesFile()
	}
	if s.d.DefaultLeft != nil && s.d.Guard.Can(p, access.ACLManage) {
		if f.defaultLeft, err = s.d.DefaultLeft(ctx); err != nil {
			return f, err
		}
	}
	if s.d.Exports != nil && s.d.Guard.Can(p, access.AuditExport) {
		if f.exports, err = s.d.Exports(ctx); err != nil {
			return f, err
		}
	}
	if s.d.Undecided != nil && s.d.Guard.Can(p, access.ACLManage) {
		if f.undecided, err = s.d.Undecided(ctx, v.At.Add(reviewWithin)); err != nil {
			return f, err
		}
	}
	if s.d.Alerts != nil {
		if f.alerts, err = s.d.Alerts(ctx); err != nil {
			return f, err
		}
	}
	if f.standing, err = s.d.Auth.Standing(ctx, unusedAfter, endsWithin); err != nil {
		return f, err
	}
	if f.first, err = s.d.Log.First(ctx); err != nil {
		return f, err
	}
	if f.backup, err = s.d.Log.LastChange(ctx, string(access.SettingsManage), "backup"); err != nil {
		return f, err
	}
	hour := audit.CountOf{From: v.At.Add(-lately), To: v.At.Add(time.Minute)}
	signIns := hour
	signIns.Action, signIns.Decision = string(access.AuthLogin), audit.Deny
	if f.signIns, err = s.d.Log.Count(ctx, signIns); err != nil {
		return f, err
	}
	full := hour
	full.Decision, full.Code = audit.Error, string(fault.Busy)
	f.full, err = s.d.Log.Count(ctx, full)
	return f, err
}

// failed says whether a model will not load by itself.
func failed(m Model) bool { return m.State == catalog.StateFailed }
