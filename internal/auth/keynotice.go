package auth

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
)

const (
	noticeEvery = 10 * time.Minute
	// noticesAtOnce bounds one round; the next goes on.
	noticesAtOnce = 100
)

// WatchKeys writes notices of keys that end soon, at once and then from time to time, until ctx ends.
func (s *Service) WatchKeys(ctx context.Context) {
	tick := time.NewTicker(noticeEvery)
	defer tick.Stop()
	for {
		if _, err := s.NoticeEnding(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "notices of keys that end soon", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// NoticeEnding leaves one row of the log, and so one event to the owner and to who looks after keys, for every living key that
// ends within KeyEnding, and answers how many it left. A key gets one notice; one that was made for less than KeyEnding, or
// that another takes the place of, gets none: its end is no surprise.
func (s *Service) NoticeEnding(ctx context.Context) (n int, err error) {
	now := s.clock()
	rows, err := s.store.endingKeys(ctx, now, noticesAtOnce)
	if err != nil {
		return 0, err
	}
	for _, k := range rows {
		left, err := s.notice(ctx, k)
		if err != nil {
			return n, err
		}
		if left {
			n++
		}
	}
	return n, nil
}

// notice answers false for a key that somebody changed meanwhile, which leaves a row without effect all the same.
func (s *Service) notice(ctx context.Context, k keyRow) (left bool, err error) {
	pass, err := s.guard.Enter(ctx, access.Server("keys"), access.Op{Action: access.KeyManage, Resource: keyResource(k.ID)})
	if err != nil {
		return false, err
	}
	defer pass.Close(&err)
	out := access.Outcome{Check: func(tx *db.Tx) (map[string]any, error) {
		if left, err = noticed(tx, k.ID, s.clock()); err != nil || !left {
			return map[string]any{"change": "none"}, err
		}
		return map[string]any{
			"change": "expiring", "owner": userResource(k.UserID), "valid_until": fromMillis(*k.ValidUntil).Format(time.RFC3339),
		}, nil
	}}
	return left, commit(ctx, pass, out, nil)
}
