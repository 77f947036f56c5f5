package checkpoint

import (
	"context"
	"errors"
	"io/fs"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/proof"
)

// current answers the key in use. A log without one gets its first; one whose key file is gone gets a new key that nobody
// vouches for, with a row of its own: whoever verifies is told.
func (s *Service) current(ctx context.Context) (proof.Signer, error) {
	inUse, err := readLastKey(ctx, s.db)
	if err != nil {
		return proof.Signer{}, err
	}
	if inUse.ID != "" {
		signer, err := s.signer(inUse.ID)
		if !errors.Is(err, fs.ErrNotExist) {
			return signer, err
		}
	}
	made, err := s.replace(ctx, access.Server("audit"), inUse, nil)
	return made, err
}

// signer answers a key by its id, from memory or from its file.
func (s *Service) signer(id string) (proof.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.signers[id]; ok {
		return k, nil
	}
	k, err := s.files.read(id)
	if err == nil {
		s.signers = map[string]proof.Signer{id: k} // one that signs no more is of no use
	}
	return k, err
}

// Rotate makes a new key that the old one vouches for, and the first checkpoint under it, in one act with one row; the old
// key's file is removed. It needs settings.manage, a confirmed session of a browser (ConfirmationRequired), and no API key.
func (s *Service) Rotate(ctx context.Context, p access.Principal) (KeyRow, error) {
	inUse, err := readLastKey(ctx, s.db)
	if err != nil {
		return KeyRow{}, err
	}
	var old *proof.Signer
	if inUse.ID != "" {
		signer, err := s.signer(inUse.ID)
		switch {
		case err == nil:
			old = &signer
		case !errors.Is(err, fs.ErrNotExist):
			return KeyRow{}, err
		}
	}
	if _, err := s.replace(ctx, p, inUse, old); err != nil {
		return KeyRow{}, err
	}
	return readLastKey(ctx, s.db)
}

// replace puts a fresh key in the place of inUse. old vouches for it; nil where there is none.
func (s *Service) replace(ctx context.Context, p access.Principal, inUse KeyRow, old *proof.Signer) (fresh proof.Signer, err error) {
	pass, err := s.guard.Enter(ctx, p, access.Op{Action: access.SettingsManage, Resource: "audit-key"})
	if err != nil {
		return proof.Signer{}, err
	}
	defer pass.Close(&err)
	install, err := readInstall(ctx, s.db)
	if err != nil {
		return proof.Signer{}, err
	}
	fresh, secret, err := proof.NewSigner(s.o.Random, install)
	if err != nil {
		return proof.Signer{}, err
	}
	var made Row
	out := access.Outcome{
		Resource: "audit-key:" + fresh.ID(), Details: map[string]any{"change": changeOf(inUse, old), "before": inUse.ID},
		Check: func(tx *db.Tx) (map[string]any, error) { return nil, s.mayReplace(tx, p, inUse) },
	}
	saved := false
	_, err = pass.Commit(ctx, out, func(tx *db.Tx, ev eventOf) error {
		// The file comes first: a key that stands in the database and nowhere else is lost.
		if !saved {
			if err := s.files.save(fresh, secret); err != nil {
				return err
			}
			saved = true
		}
		if err := s.store(tx, fresh, old, inUse, ev.ID); err != nil {
			return err
		}
		made, err = s.add(tx, fresh, proof.CauseRotate)
		return err
	})
	if err != nil {
		if saved {
			err = errors.Join(err, s.files.remove(fresh.ID()))
		}
		return proof.Signer{}, err
	}
	s.adopt(ctx, fresh, inUse, old)
	s.made(ctx, made)
	return fresh, nil
}

// What the row says of a new key.
const (
	changeFirst  = "first"
	changeRotate = "rotate"
	changeLost   = "lost"
)

func changeOf(inUse KeyRow, old *proof.Signer) string {
	switch {
	case inUse.ID == "":
		return changeFirst
	case old == nil:
		return changeLost
	}
	return changeRotate
}

// mayReplace asks again inside the transaction: of two rotations at once one is made.
func (s *Service) mayReplace(tx *db.Tx, p access.Principal, inUse KeyRow) error {
	if p.Kind == access.KindKey {
		return fault.New(fault.Forbidden, "A key can't replace keys: sign in.")
	}
	if err := s.guard.Administer(tx, p, access.SettingsManage); err != nil {
		return err
	}
	if err := p.Confirmed(); err != nil {
		return err
	}
	now, err := lastKey(tx)
	if err == nil && now.ID != inUse.ID {
		err = fault.New(fault.Conflict, "The key was changed a moment ago.")
	}
	return err
}

func (s *Service) store(tx *db.Tx, fresh proof.Signer, old *proof.Signer, inUse KeyRow, eventID string) error {
	k := proof.Key{Install: fresh.Install(), Verifier: fresh.Verifier(), At: tx.Now()}
	if old != nil {
		k.Previous = old.ID()
	}
	note, err := fresh.SignKey(k, old)
	if err != nil {
		return err
	}
	s.keep(fresh)
	return insertKeyIn(tx, KeyRow{
		ID: fresh.ID(), N: inUse.N + 1, Verifier: fresh.Verifier(), At: k.At, Previous: k.Previous, Note: string(note), EventID: eventID,
	})
}

func (s *Service) keep(k proof.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signers[k.ID()] = k
}

// adopt says what happened, and takes the old key's file away: what signs no more can only be stolen.
func (s *Service) adopt(ctx context.Context, fresh proof.Signer, inUse KeyRow, old *proof.Signer) {
	switch changeOf(inUse, old) {
	case changeLost:
		s.log.ErrorContext(ctx, "the audit log's key is gone: a new one signs from now on, and nothing vouches for it", "key", fresh.ID(), "before", inUse.ID)
	case changeRotate:
		s.log.InfoContext(ctx, "the audit log has a new key", "key", fresh.ID(), "before", inUse.ID)
	default:
		s.log.InfoContext(ctx, "the audit log has a key", "key", fresh.ID())
	}
	s.sweep(ctx, fresh.ID())
}

// sweep removes files of keys that the database knows and uses no more. A file that it does not know is nobody's to remove: a
// backup that is restored may want it.
func (s *Service) sweep(ctx context.Context, inUse string) {
	ids, err := s.files.ids()
	keys, readErr := s.Keys(ctx)
	err = errors.Join(err, readErr)
	for _, id := range ids {
		for _, k := range keys {
			if k.ID == id && id != inUse && !k.Until.IsZero() {
				err = errors.Join(err, s.files.remove(id))
			}
		}
	}
	if err != nil {
		s.log.WarnContext(ctx, "removing the file of a key that signs no more", "err", err)
	}
}
