package manager

import (
	"context"
	"slices"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// cutShort is why a default that was to come is given up whose server ended over it, in one word.
const cutShort = "server_ended"

// decideSwaps ends each change of a default: one whose model is in memory and proven is done, and one whose model came to nothing is
// given up, so that the default before it serves again. It says whether one was given up. The caller holds loading.
func (s *Service) decideSwaps(ctx context.Context) (gaveUp bool) {
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		s.d.Log.ErrorContext(ctx, "looking for a change of the default", "err", err)
		return false
	}
	s.noteProven(ctx, all)
	for _, m := range all {
		switch {
		case m.Follows == "" || !m.Default && !m.Next:
		case m.State == catalog.StateReady && !m.Unproven && !m.BySetting:
			if err := s.d.Catalog.EndSwap(ctx, m); err != nil {
				s.d.Log.Warn("noting that the default changed", "model", m.ID, "err", err)
			}
		case m.State == catalog.StateFailed && !s.due(m) && !m.GivenUp:
			gaveUp = s.giveUp(ctx, m, m.StateCode) || gaveUp
		}
	}
	return gaveUp
}

// noteProven notes which default guard is proven, but for one that goes on in the place of what the setting names.
func (s *Service) noteProven(ctx context.Context, all []catalog.Model) {
	for _, m := range all {
		if m.Kind != catalog.KindGuard || !m.Default || m.State != catalog.StateReady || m.Unproven || slices.ContainsFunc(all, func(o catalog.Model) bool { return o.Next && o.BySetting }) {
			continue
		}
		if err := s.d.Catalog.Prove(ctx, m); err != nil {
			s.d.Log.WarnContext(ctx, "noting that the default is proven", "model", m.ID, "err", err)
		}
	}
}

// giveUp goes back to the default before m. Where that made room for m, m makes room for it.
func (s *Service) giveUp(ctx context.Context, m catalog.Model, reason string) bool {
	if err := s.d.Catalog.GiveUp(ctx, m, reason); err != nil {
		s.d.Log.ErrorContext(ctx, "going back to the default before", "model", m.ID, "default", m.Follows, "err", err)
		return false
	}
	s.d.Log.ErrorContext(ctx, "a model did not become the default", "model", m.ID, "default", m.Follows, "reason", reason)
	s.mu.Lock()
	r, serves := s.models[m.ID], s.models[m.Follows] != nil
	said := m.StateReason + " The default before it goes on."
	if !serves {
		said = m.StateReason + " The default before it is brought back."
	}
	if r != nil && !serves {
		s.depart(r)
		s.tries[m.ID] = try{sha256: m.SHA256, asked: m.AskedAt, file: s.d.Catalog.Stat(m)}
	}
	s.d.Catalog.SetFailed(m.ID, reason, said)
	s.mu.Unlock()
	if err := s.free(ctx, m.ID); err != nil && fault.CodeOf(err) != fault.Busy {
		s.d.Log.WarnContext(ctx, "a model on its way out is still in use", "model", m.ID, "err", err)
	}
	return true
}

// resume gives up what a server before this one ended over: it may be what ended it.
func (s *Service) resume(ctx context.Context) {
	all, err := s.d.Catalog.All(ctx)
	if err != nil {
		s.d.Log.ErrorContext(ctx, "looking for a change of the default", "err", err)
		return
	}
	for _, m := range all {
		if m.Follows == "" || !m.Begun {
			continue
		}
		if err := s.d.Catalog.GiveUp(ctx, m, cutShort); err != nil {
			s.d.Log.ErrorContext(ctx, "going back to the default before", "model", m.ID, "default", m.Follows, "err", err)
			continue
		}
		s.d.Log.ErrorContext(ctx, "the server ended while a model became the default: the one before is it again", "model", m.ID, "default", m.Follows)
	}
}
