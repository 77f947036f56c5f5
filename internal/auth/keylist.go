package auth

import (
	"context"
	"strconv"
	"strings"

	"guardhouse/internal/access"
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
		k, err := s.shown(r)
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

// shown answers what may be seen of a key, with what somebody may want to look at.
func (s *Service) shown(r keyRow) (Key, error) {
	k, err := r.key()
	return k.flag(s.clock()), err
}
