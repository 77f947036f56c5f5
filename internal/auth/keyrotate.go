package auth

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
)

// KeyRotation asks for a key in the place of another. Overlap is how long the old one still works (nil = a day, 0 = not at
// all). Without ValidUntil the new one lives as long as the old one was made for.
type KeyRotation struct {
	Overlap    *time.Duration
	ValidUntil *time.Time
}

// RotateKey makes a key with the label, scopes, addresses and rate of another, answers its secret this once, and ends the old
// one after the overlap. Rules and limits go on with the new key, for they name the line that both belong to. Whoever may make
// such a key may rotate it: its owner, for service accounts a holder of key.manage whose own actions cover the account's role,
// the command line (threat Z5: a person's key is nobody else's to have). A key rotates no key. An unknown key, and one that is
// not the caller's to see, is NotFound; one that was revoked, rotated, switched off or has ended is Conflict. It refuses an
// overlap beyond 30 days and an end in the past (Invalid), and an unscoped key of an owner who administers from a browser's
// session that did not confirm (ConfirmationRequired). A repeated idem is Conflict naming the id (threat K3).
func (s *Service) RotateKey(ctx context.Context, p access.Principal, id string, r KeyRotation, idem *Idempotency) (made Key, secret string, err error) {
	old, pass, err := s.enterKey(ctx, p, id)
	if err != nil {
		return Key{}, "", err
	}
	t, err := s.newTurn(ctx, p, old, r)
	if err == nil {
		err = idem.check()
	}
	if err != nil {
		return Key{}, "", refuse(ctx, pass, err, map[string]any{"change": "rotate"})
	}
	defer pass.Close(&err)
	out := access.Outcome{
		Resource: keyResource(t.fresh.ID), Details: t.details(),
		Check: func(tx *db.Tx) (map[string]any, error) {
			if err := stillTurns(tx, old.ID); err != nil {
				return nil, err
			}
			if err := s.stillMayMake(tx, p, t.wish, t.owner); err != nil {
				return nil, err
			}
			return nil, idem.claim(tx, p, t.fresh.ID)
		},
	}
	if err = commit(ctx, pass, out, func(tx *db.Tx) error { return turnKey(tx, t) }); err != nil {
		return Key{}, "", err
	}
	made, err = s.shown(t.fresh)
	return made, t.secret, err
}

// turn is a rotation on its way.
type turn struct {
	old, fresh keyRow
	owner      userRow
	wish       NewKey // what making the fresh one takes
	secret     string
	ends       time.Time // when the old one does
	overlap    time.Duration
}

func (t turn) details() map[string]any {
	return map[string]any{
		"change": "rotate", "from": keyResource(t.old.ID), "owner": userResource(t.owner.ID), "label": t.fresh.Label,
		"overlap_seconds": int64(t.overlap / time.Second),
	}
}

// newTurn checks the wish and answers the key to be.
func (s *Service) newTurn(ctx context.Context, p access.Principal, old keyRow, r KeyRotation) (turn, error) {
	if p.Kind == access.KindKey {
		return turn{}, fault.New(fault.Forbidden, "A key can't make keys: sign in.")
	}
	now := s.clock()
	overlap := defaultOverlap
	if r.Overlap != nil {
		overlap = *r.Overlap
	}
	if overlap < 0 || overlap > maxOverlap {
		return turn{}, fault.New(fault.Invalid, "overlap is at most 30 days.").WithField("overlap")
	}
	if err := living(old, now); err != nil {
		return turn{}, err
	}
	k, err := old.key()
	if err != nil {
		return turn{}, err
	}
	wish := NewKey{
		Label: k.Label, Models: k.Models, Operations: k.Operations, IPRanges: k.IPRanges, RateLimit: k.RateLimit, UserID: k.UserID,
		ValidUntil: r.ValidUntil,
	}
	if wish.ValidUntil == nil && k.ValidUntil != nil {
		until := now.Add(k.ValidUntil.Sub(k.CreatedAt))
		wish.ValidUntil = &until
	}
	owner, err := s.keyOwner(ctx, p, wish)
	if err != nil {
		return turn{}, err
	}
	fresh, secret, err := s.newKeyRow(p, owner, wish)
	fresh.Line = old.line()
	return turn{old: old, fresh: fresh, owner: owner, wish: wish, secret: secret, ends: now.Add(overlap), overlap: overlap}, err
}

// living refuses a key that nobody can use any more, or that was rotated already.
func living(k keyRow, now time.Time) error {
	switch {
	case k.RotatedTo != nil:
		return fault.Newf(fault.Conflict, "This key was rotated: %s took its place.", *k.RotatedTo)
	case k.RevokedAt != nil:
		return fault.New(fault.Conflict, "This key was revoked. Make a new one.")
	case k.ValidUntil != nil && *k.ValidUntil <= millis(now):
		return fault.New(fault.Conflict, "This key has ended. Make a new one.")
	case k.SuspendedAt != nil:
		return fault.New(fault.Conflict, "This key is switched off since a restore: confirm or revoke it first.")
	}
	return nil
}

// enterKey enters for an act on one key: its owner's with key.own, anybody's with key.manage. A key that doesn't exist and one
// that is not the caller's to see are one answer, NotFound.
func (s *Service) enterKey(ctx context.Context, p access.Principal, id string) (keyRow, *access.Pass, error) {
	row, ok, err := s.store.keyByID(context.WithoutCancel(ctx), cut(id, maxLabel))
	if err != nil {
		return keyRow{}, nil, err
	}
	own := ok && p.UserID != "" && row.UserID == p.UserID
	op := access.Op{Action: access.KeyOwn, Resource: keyTarget(id)}
	if !own && s.guard.Can(p, access.KeyManage) {
		op.Action = access.KeyManage
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return keyRow{}, nil, err
	}
	if !ok || (!own && op.Action != access.KeyManage) {
		return keyRow{}, nil, settle(ctx, pass, refusal{err: fault.New(fault.NotFound, "There is no such key.")}, nil)
	}
	return row, pass, nil
}
