package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	maxLabel     = 64
	maxKeyModels = 100
	maxModelID   = 128
)

// CreateKey makes an API key and answers its secret, which is told this once. Callers make keys for themselves; a holder
// of key.manage also for service accounts whose role holds no more than his own; the command line for anybody. A person's
// key for somebody else is Forbidden (threat Z5), as is a key made by a key. One that nothing narrows, of an owner who
// administers, needs a confirmed session of a browser (ConfirmationRequired). A repeated idem is Conflict naming the id
// (threat K3).
func (s *Service) CreateKey(ctx context.Context, p access.Principal, k NewKey, idem *Idempotency) (made Key, secret string, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: k.action(p)})
	if err != nil {
		return Key{}, "", err
	}
	owner, err := s.keyOwner(ctx, p, k)
	if err != nil {
		return Key{}, "", settle(ctx, pass, refusal{err: err}, nil)
	}
	row, secret, err := s.newKeyRow(p, owner, k)
	if err == nil {
		err = idem.check()
	}
	if err != nil {
		return Key{}, "", settle(ctx, pass, refusal{err: err}, nil)
	}
	defer pass.Close(&err)
	out := access.Outcome{
		Resource: keyResource(row.ID), Details: map[string]any{"owner": userResource(owner.ID), "label": row.Label},
		Check: func(tx *db.Tx) (map[string]any, error) {
			if err := s.stillMayMake(tx, p, k, owner); err != nil {
				return nil, err
			}
			return nil, idem.claim(tx, p, row.ID)
		},
	}
	err = commit(ctx, pass, out, func(tx *db.Tx) error {
		fresh := row
		return tx.Gorm().Omit("Username").Create(&fresh).Error
	})
	if err != nil {
		return Key{}, "", err
	}
	made, err = s.shown(row)
	return made, secret, err
}

// stillMayMake asks inside the transaction what was asked before it: the right may have ended while the wish waited.
func (s *Service) stillMayMake(tx *db.Tx, p access.Principal, k NewKey, owner userRow) error {
	action, roles := k.action(p), []string{}
	if action != access.KeyOwn {
		roles = append(roles, owner.Role)
	}
	if err := s.guard.Administer(tx, p, action, roles...); err != nil {
		return aboutThem(err)
	}
	if len(k.Models)+len(k.Operations) == 0 {
		// A key that nothing narrows does all that its owner may, and is never asked for a password.
		if err := s.confirmedFor(tx, p, owner.Role); err != nil {
			return err
		}
	}
	u, err := lockedUser(tx, owner.ID)
	if err == nil && (u.Status != statusActive || u.Role != owner.Role) {
		err = fault.New(fault.Conflict, "The owner of the key was changed meanwhile. Try again.")
	}
	return err
}

// action is what the wish needs: one's own key, or the care of others'.
func (k NewKey) action(p access.Principal) access.Action {
	if k.UserName == "" && (k.UserID == "" || k.UserID == p.UserID) {
		return access.KeyOwn
	}
	return access.KeyManage
}

// keyOwner answers whose key it will be.
func (s *Service) keyOwner(ctx context.Context, p access.Principal, k NewKey) (userRow, error) {
	if p.Kind == access.KindKey {
		// A key that makes keys would outlive its own end, scopes and revocation.
		return userRow{}, fault.New(fault.Forbidden, "A key can't make keys: sign in.")
	}
	if p.Kind == access.KindSystem {
		return s.namedOwner(ctx, k)
	}
	if k.UserName != "" {
		return userRow{}, fault.New(fault.Invalid, "An owner is given by id.").WithField("user_id")
	}
	own := k.UserID == "" || k.UserID == p.UserID
	id := k.UserID
	if own {
		id = p.UserID
	}
	u, ok, err := s.store.userByID(context.WithoutCancel(ctx), id)
	switch {
	case err != nil:
		return userRow{}, err
	case !ok || u.Status != statusActive:
		return userRow{}, unknownOwner()
	case own:
		return u, nil
	case u.Kind != KindService:
		return userRow{}, fault.New(fault.Forbidden, "A key for another person can't be made: only he himself can.").WithField("user_id")
	}
	return u, aboutThem(s.mayGrant(ctx, p, u.Role))
}

func (s *Service) namedOwner(ctx context.Context, k NewKey) (u userRow, err error) {
	ok := false
	if k.UserName != "" {
		u, err = s.userRowByName(ctx, k.UserName)
		ok = err == nil
		if fault.CodeOf(err) == fault.NotFound {
			err = nil
		}
	} else {
		u, ok, err = s.store.userByID(context.WithoutCancel(ctx), k.UserID)
	}
	if err == nil && (!ok || u.Status != statusActive) {
		err = unknownOwner()
	}
	return u, err
}

func unknownOwner() error {
	return fault.New(fault.Unprocessable, "There is no such active user.").WithField("user_id")
}

func (s *Service) newKeyRow(p access.Principal, owner userRow, k NewKey) (keyRow, string, error) {
	now := s.clock()
	if err := k.check(now); err != nil {
		return keyRow{}, "", err
	}
	id, secret, err := newAPIKey()
	if err != nil {
		return keyRow{}, "", fault.Wrap(err, fault.Internal, "making a key")
	}
	row := keyRow{
		ID: id, UserID: owner.ID, Label: k.Label, Prefix: secret[:len(keyPrefix)+keyIDLen], SecretHash: hashAPIKey(s.keyHash, secret),
		ValidUntil: millisPtr(k.ValidUntil), CreatedBy: callerID(p), CreatedAt: millis(now), Username: owner.Username,
	}
	return row, secret, row.narrow(k)
}

// narrow writes what narrows the key.
func (r *keyRow) narrow(k NewKey) error {
	ranges, err := k.ranges()
	if err != nil {
		return err
	}
	r.RateLimit = k.RateLimit
	for _, l := range []struct {
		to   *string
		list []string
	}{{&r.Models, unique(k.Models)}, {&r.Operations, unique(k.Operations)}, {&r.IPRanges, ranges}} {
		if *l.to, err = writeList(l.list); err != nil {
			return fault.Wrap(err, fault.Internal, "writing a key's scopes")
		}
	}
	return nil
}

// check refuses labels, scopes and ends that make no sense.
func (k NewKey) check(now time.Time) error {
	invalid := func(field, message string) error { return fault.New(fault.Invalid, message).WithField(field) }
	if strings.TrimSpace(k.Label) == "" || !isLine(k.Label, maxLabel) {
		return invalid("label", "label is one line of 1 to 64 characters.")
	}
	if len(k.Models) > maxKeyModels {
		return invalid("models", "models holds at most 100 ids.")
	}
	for _, m := range k.Models {
		if m == "" || !isLine(m, maxModelID) {
			return invalid("models", "A model id is one line of 1 to 128 characters.")
		}
	}
	for _, o := range k.Operations {
		if !slices.Contains([]access.Operation{access.View, access.Infer, access.Train, access.Download}, access.Operation(o)) {
			return invalid("operations", "An operation is view, infer, train or download.")
		}
	}
	if k.ValidUntil != nil && !k.ValidUntil.After(now) {
		return invalid("valid_until", "valid_until lies in the past.")
	}
	return k.checkRate()
}

func unique(list []string) []string {
	out := []string{}
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func callerID(p access.Principal) string {
	if p.UserID != "" {
		return p.UserID
	}
	return p.Name
}

func keyResource(id string) string { return "key:" + id }
