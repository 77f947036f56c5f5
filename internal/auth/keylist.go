package auth

import (
	"context"
	"strconv"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// keyPosition is where a page of keys begins.
type keyPosition struct {
	at int64
	id string
}

// ListKeys answers the caller's keys, newest first; all keys to a holder of key.manage. A limit of 0 means 50.
func (s *Service) ListKeys(ctx context.Context, p access.Principal, limit int, cursor string) (KeyPage, error) {
	return s.ListKeysOf(ctx, p, "", limit, cursor)
}

// ListKeysOf is ListKeys for the keys of one user. Another's are Forbidden without key.manage; a user that nobody is has none.
func (s *Service) ListKeysOf(ctx context.Context, p access.Principal, owner string, limit int, cursor string) (KeyPage, error) {
	all := s.guard.Can(p, access.KeyManage)
	switch {
	case !all && !s.guard.Can(p, access.KeyOwn):
		return KeyPage{}, s.forbidList(ctx, p, access.KeyOwn)
	case !all && owner != "" && owner != p.UserID:
		return KeyPage{}, s.forbidList(ctx, p, access.KeyManage)
	case !all:
		owner = p.UserID
	}
	limit, err := pageLimit(limit)
	if err != nil {
		return KeyPage{}, err
	}
	before, err := s.keyPosition(p, cursor)
	if err != nil {
		return KeyPage{}, err
	}
	rows, err := s.store.keyPage(context.WithoutCancel(ctx), owner, before, limit+1)
	if err != nil {
		return KeyPage{}, err
	}
	page := KeyPage{Items: []Key{}}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.NextCursor = s.seal(listKeys, p.UserID, strconv.FormatInt(last.CreatedAt, 10)+":"+last.ID)
	}
	for _, r := range rows {
		k, err := r.key()
		if err != nil {
			return KeyPage{}, err
		}
		page.Items = append(page.Items, k)
	}
	return page, nil
}

func (s *Service) keyPosition(p access.Principal, cursor string) (keyPosition, error) {
	text, err := s.unseal(listKeys, p.UserID, cursor)
	if err != nil || text == "" {
		return keyPosition{}, err
	}
	at, id, _ := strings.Cut(text, ":")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return keyPosition{}, fault.Wrap(err, fault.Internal, "reading our own cursor")
	}
	return keyPosition{at: ms, id: id}, nil
}

// RevokeKey ends a key at once: the caller's own, or anybody's for a holder of key.manage. A key that doesn't exist and one
// that is not the caller's to see are one answer, NotFound. Revoking again changes nothing and is no error.
func (s *Service) RevokeKey(ctx context.Context, p access.Principal, id string) (err error) {
	row, ok, err := s.store.keyByID(context.WithoutCancel(ctx), cut(id, maxLabel))
	if err != nil {
		return err
	}
	own := ok && p.UserID != "" && row.UserID == p.UserID
	op := access.Op{Action: access.KeyOwn, Resource: keyTarget(id)}
	if !own && s.guard.Can(p, access.KeyManage) {
		op.Action = access.KeyManage
	}
	pass, err := s.guard.Enter(ctx, p, op)
	if err != nil {
		return err
	}
	if !ok || (!own && op.Action != access.KeyManage) {
		return settle(ctx, pass, refusal{err: fault.New(fault.NotFound, "There is no such key.")}, nil)
	}
	defer pass.Close(&err)
	out := access.Outcome{
		Details: map[string]any{"change": "revoke", "owner": userResource(row.UserID)},
		Check:   func(tx *db.Tx) (map[string]any, error) { return nil, s.guard.Administer(tx, p, op.Action) },
	}
	return commit(ctx, pass, out, func(tx *db.Tx) error {
		return tx.Gorm().Model(&keyRow{}).Where("id = ? AND revoked_at IS NULL", row.ID).
			UpdateColumn("revoked_at", millis(tx.Now())).Error
	})
}
