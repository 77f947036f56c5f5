package policy

import (
	"context"
	"slices"

	"guardhouse/internal/db"
	"guardhouse/internal/rule"
)

// StoredNames reads names from the tables of people, groups, keys and roles.
type StoredNames struct{ DB *db.DB }

// lookups answers by kind how a name is found, and by which column it is asked for. Names are compared byte for byte: a
// look-alike is somebody else or nobody. Who is gone is found by no name any more. An ended key is found: its id is nobody else's
// ever, to name it opens nothing, and whoever ends it must not make a deny on it unreadable.
func lookups() map[string]string {
	return map[string]string{
		rule.KindUser:  `SELECT id, username AS name FROM users WHERE status <> 'deleted' AND username IN ?`,
		rule.KindGroup: `SELECT id, name FROM groups WHERE deleted_at IS NULL AND name IN ?`,
		rule.KindKey:   `SELECT coalesce(nullif(line, ''), id) AS id, id AS name FROM api_keys WHERE id IN ?`,
		rule.KindRole:  `SELECT name AS id, name FROM roles WHERE name IN ?`,
	}
}

// IDs is part of Names.
func (n StoredNames) IDs(ctx context.Context, named []rule.Principal) (map[rule.Principal]rule.Principal, error) {
	out := make(map[rule.Principal]rule.Principal, len(named))
	err := n.each(ctx, lookups(), named, func(kind, id, name string) {
		out[rule.Principal{Kind: kind, Ref: name}] = rule.Principal{Kind: kind, Ref: id}
	})
	return out, err
}

// Shown is part of Names.
func (n StoredNames) Shown(ctx context.Context, stored []rule.Principal) (map[rule.Principal]rule.Principal, error) {
	out := make(map[rule.Principal]rule.Principal, len(stored))
	err := n.each(ctx, map[string]string{
		rule.KindUser:  `SELECT id, username AS name FROM users WHERE status <> 'deleted' AND id IN ?`,
		rule.KindGroup: `SELECT id, name FROM groups WHERE deleted_at IS NULL AND id IN ?`,
		// A key is stored as the first of its line and shown as the last, which is the one that somebody has.
		rule.KindKey: `SELECT coalesce(nullif(line, ''), id) AS id, id AS name FROM api_keys WHERE coalesce(nullif(line, ''), id) IN ?
			ORDER BY created_at, rotated_to IS NULL`,
	}, stored, func(kind, id, name string) {
		out[rule.Principal{Kind: kind, Ref: id}] = rule.Principal{Kind: kind, Ref: name}
	})
	return out, err
}

// Former is part of Names.
func (n StoredNames) Former(ctx context.Context, stored []rule.Principal) (map[rule.Principal]rule.Principal, error) {
	out := make(map[rule.Principal]rule.Principal, len(stored))
	err := n.each(ctx, map[string]string{
		rule.KindUser:  `SELECT id, username AS name FROM users WHERE status = 'deleted' AND id IN ?`,
		rule.KindGroup: `SELECT id, name FROM groups WHERE deleted_at IS NOT NULL AND id IN ?`,
	}, stored, func(kind, id, name string) {
		out[rule.Principal{Kind: kind, Ref: id}] = rule.Principal{Kind: kind, Ref: name}
	})
	return out, err
}

// each asks for the refs of each kind, and has every row looked at.
func (n StoredNames) each(ctx context.Context, queries map[string]string, list []rule.Principal, row func(kind, id, name string)) error {
	refs := map[string][]string{}
	for _, p := range list {
		if queries[p.Kind] != "" {
			refs[p.Kind] = append(refs[p.Kind], p.Ref)
		}
	}
	for kind, all := range refs {
		for part := range slices.Chunk(all, most) {
			var rows []struct{ ID, Name string }
			if err := n.DB.Read(ctx).Raw(queries[kind], part).Scan(&rows).Error; err != nil {
				return db.Translate(err)
			}
			for _, r := range rows {
				row(kind, r.ID, r.Name)
			}
		}
	}
	return nil
}
