package hygiene

import (
	"context"
	"time"

	"guardhouse/internal/db"
	"guardhouse/internal/rule"
)

// thereSQL answers by kind what finds those of a list that are there. A key is stored as the first of its line, and is there as
// long as any of the line is.
func thereSQL() map[string]string {
	return map[string]string{
		rule.KindUser:  `SELECT id FROM users WHERE status <> 'deleted' AND id IN ?`,
		rule.KindGroup: `SELECT id FROM groups WHERE deleted_at IS NULL AND id IN ?`,
		rule.KindRole:  `SELECT name AS id FROM roles WHERE name IN ?`,
		rule.KindKey: `SELECT DISTINCT coalesce(nullif(line, ''), id) AS id FROM api_keys WHERE revoked_at IS NULL
			AND (valid_until IS NULL OR valid_until > @now) AND coalesce(nullif(line, ''), id) IN @refs`,
	}
}

// chunk is how many values one query asks for.
const chunk = 500

// whoIsGone answers those whom rules name and who will never come again.
func (l *look) whoIsGone(ctx context.Context) (map[rule.Principal]bool, error) {
	gone := map[rule.Principal]bool{}
	refs := map[string][]string{}
	for i := range l.policy.Rules {
		for _, p := range l.policy.Rules[i].Principals {
			if p.Kind != rule.KindAny && !gone[p] {
				gone[p] = true
				refs[p.Kind] = append(refs[p.Kind], p.Ref)
			}
		}
	}
	for kind, list := range refs {
		for len(list) > 0 {
			part := list[:min(len(list), chunk)]
			list = list[len(part):]
			found, err := l.there(ctx, kind, part)
			if err != nil {
				return nil, err
			}
			for _, id := range found {
				delete(gone, rule.Principal{Kind: kind, Ref: id})
			}
		}
	}
	return gone, nil
}

func (l *look) there(ctx context.Context, kind string, refs []string) (ids []string, err error) {
	q := l.DB.Read(ctx)
	if kind == rule.KindKey {
		q = q.Raw(thereSQL()[kind], map[string]any{"now": l.now.UnixMilli(), "refs": refs})
	} else {
		q = q.Raw(thereSQL()[kind], refs)
	}
	return ids, db.Translate(q.Scan(&ids).Error)
}

// keys finds those that work and that nobody has used for as long as was looked at.
func (l *look) keys(ctx context.Context) error {
	var rows []struct {
		ID, Label, Username   string
		LastUsedAt, CreatedAt int64
	}
	before := l.now.Add(-time.Duration(l.report.Days) * day).UnixMilli()
	err := l.DB.Read(ctx).Raw(`SELECT k.id, k.label, u.username, coalesce(k.last_used_at, 0) AS last_used_at, k.created_at
		FROM api_keys k JOIN users u ON u.id = k.user_id
		WHERE k.revoked_at IS NULL AND k.suspended_at IS NULL AND (k.valid_until IS NULL OR k.valid_until > ?)
		AND coalesce(k.last_used_at, k.created_at) <= ? ORDER BY coalesce(k.last_used_at, k.created_at), k.id LIMIT ?`,
		l.now.UnixMilli(), before, maxKeys).Scan(&rows).Error
	if err != nil {
		return db.Translate(err)
	}
	for _, r := range rows {
		f := Finding{
			ID: UnusedKey + ":" + r.ID, Code: UnusedKey, KeyID: r.ID, Label: r.Label, Owner: r.Username, Proposal: &Proposal{Kind: RevokeKey},
			Days: int(l.now.Sub(time.UnixMilli(max(r.LastUsedAt, r.CreatedAt))) / day),
		}
		if r.LastUsedAt > 0 {
			f.LastUsed = time.UnixMilli(r.LastUsedAt).UTC()
		}
		l.report.Items = append(l.report.Items, f)
	}
	return nil
}
