package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// PrincipalOf answers who would come as user:ID, key:ID, role:NAME or group:ID now: a person or key with its role, groups and
// scopes, a made-up person of the role, or a made-up member of the group, who has whatever role is asked for. An account or key
// that could not come is answered as Barred. Unknown ones are Unprocessable, and so is "*", which is nobody.
func (g *Guard) PrincipalOf(ctx context.Context, subject string) (Principal, error) {
	who, err := rule.ParsePrincipal(subject)
	if err != nil {
		return Principal{}, err
	}
	tx, err := g.db.ReadSQL().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Principal{}, db.Translate(err)
	}
	defer func() { _ = tx.Rollback() }() // a read has nothing to lose
	var p Principal
	switch who.Kind {
	case rule.KindUser:
		p, err = personNow(ctx, tx, who.Ref)
	case rule.KindKey:
		p, err = keyNow(ctx, tx, who.Ref, g.now().UnixMilli())
	case rule.KindRole:
		err = tx.QueryRowContext(ctx, `SELECT name FROM roles WHERE name = ?`, who.Ref).Scan(&p.Role)
		p.Kind = KindUser
	case rule.KindGroup:
		var id string
		err = tx.QueryRowContext(ctx, `SELECT id FROM groups WHERE id = ? AND deleted_at IS NULL`, who.Ref).Scan(&id)
		return Principal{Kind: KindGroup, Groups: []string{id}}, unknownIf(err)
	default:
		err = sql.ErrNoRows
	}
	if err != nil {
		return Principal{}, unknownIf(err)
	}
	return g.current.Load().member(p), nil
}

func unknownIf(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fault.New(fault.Unprocessable, "There is no such principal.").WithField("principal")
	case err != nil:
		return db.Translate(err)
	}
	return nil
}

// What bars a principal from coming at all.
const (
	barredAccount = "account_disabled"
	barredKey     = "key_ended"
)

func personNow(ctx context.Context, tx *sql.Tx, id string) (Principal, error) {
	p, status := Principal{Kind: KindUser}, ""
	err := tx.QueryRowContext(ctx, `SELECT id, username, role, status, kind = 'service' FROM users WHERE id = ? AND status <> 'deleted'`, id).
		Scan(&p.UserID, &p.Name, &p.Role, &status, &p.Service)
	if status != "active" {
		p.Barred = barredAccount
	}
	return p, err
}

func keyNow(ctx context.Context, tx *sql.Tx, id string, now int64) (Principal, error) {
	var newest, line, owner, models, operations, ranges, rate string
	var ended bool
	// Rules name the first key of a line. Where it has ended, whoever comes with the line comes with another that has not.
	err := tx.QueryRowContext(ctx, `SELECT id, coalesce(nullif(line, ''), id), user_id, models, operations, ip_ranges, rate_limit,
		revoked_at IS NOT NULL OR suspended_at IS NOT NULL OR coalesce(valid_until <= ?1, 0) FROM api_keys WHERE id = ?2 OR line = ?2
		ORDER BY revoked_at IS NULL AND suspended_at IS NULL AND coalesce(valid_until > ?1, 1) DESC, id = ?2 DESC,
		created_at DESC, rotated_to IS NULL DESC LIMIT 1`, now, id).
		Scan(&newest, &line, &owner, &models, &operations, &ranges, &rate, &ended)
	if err != nil {
		return Principal{}, err
	}
	p, err := personNow(ctx, tx, owner)
	if err != nil {
		return Principal{}, err
	}
	p.Kind, p.KeyID, p.KeyLine = KindKey, newest, line
	if ended && p.Barred == "" {
		p.Barred = barredKey
	}
	return p, errors.Join(json.Unmarshal([]byte(models), &p.KeyModels), json.Unmarshal([]byte(operations), &p.KeyOperations), p.limitKey(ranges, rate))
}

// limitKey reads the stored limits of a key. What cannot be read is an error, as a limit less would open.
func (p *Principal) limitKey(ranges, rate string) error {
	var texts []string
	if err := json.Unmarshal([]byte(ranges), &texts); err != nil {
		return err
	}
	for _, t := range texts {
		r, err := rule.ParsePrefix(t)
		if err != nil {
			return err
		}
		p.KeyIPRanges = append(p.KeyIPRanges, r)
	}
	if rate == "" {
		return nil
	}
	r, err := rule.ParseRate(rate)
	if err != nil {
		return err
	}
	p.KeyRate = &r
	return nil
}
