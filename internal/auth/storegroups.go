package auth

import (
	"context"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const groupPrefix = "grp_"

type groupRow struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	NameKey   string
	Note      string
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	DeletedAt *int64
	Version   int64 `gorm:"default:1"`
	Members   int   `gorm:"->;-:migration"` // counted, never written
	Rules     int   `gorm:"->;-:migration"`
}

// TableName is read by gorm.
func (groupRow) TableName() string { return "groups" }

func (r groupRow) group() Group {
	return Group{ID: r.ID, Name: r.Name, Note: r.Note, Members: r.Members, Rules: r.Rules, CreatedAt: fromMillis(r.CreatedAt), Version: r.Version}
}

// countedGroups is the living groups with what is counted of them.
func (s *store) countedGroups(ctx context.Context) *gorm.DB {
	return s.db.Read(ctx).Table("groups").Select(`groups.*,
		(SELECT count(*) FROM group_members m WHERE m.group_id = groups.id) AS members,
		(SELECT count(*) FROM acl_rule_principals r WHERE r.kind = 'group' AND r.ref = groups.id) AS rules`).
		Where("deleted_at IS NULL")
}

func (s *store) group(ctx context.Context, where, value string) (groupRow, bool, error) {
	return one[groupRow](s.countedGroups(ctx).Where(where, value))
}

// groups answers up to limit groups after the id after, oldest first.
func (s *store) groups(ctx context.Context, query, after string, limit int) ([]groupRow, error) {
	q := s.countedGroups(ctx).Where("id > ?", after)
	if query != "" {
		// SQLite ignores case in ASCII only: other letters are asked for in both cases.
		name := norm.NFKC.String(query)
		as, small, big := like(name), like(strings.ToLower(name)), like(strings.ToUpper(name))
		q = q.Where(`name LIKE ? ESCAPE '\' OR name LIKE ? ESCAPE '\' OR name LIKE ? ESCAPE '\'
			OR note LIKE ? ESCAPE '\' OR note LIKE ? ESCAPE '\' OR note LIKE ? ESCAPE '\'`, as, small, big, as, small, big)
	}
	var rows []groupRow
	return rows, db.Translate(q.Order("id").Limit(limit).Find(&rows).Error)
}

const groupsOfUsersSQL = `SELECT m.user_id AS user_id, g.id AS id, g.name AS name FROM group_members m JOIN groups g ON g.id = m.group_id
WHERE m.user_id IN ? AND g.deleted_at IS NULL ORDER BY g.name, g.id`

// groupsOfUsers answers the groups of each user, by name.
func (s *store) groupsOfUsers(ctx context.Context, users []string) (map[string][]GroupRef, error) {
	var rows []struct{ UserID, ID, Name string }
	if err := s.db.Read(ctx).Raw(groupsOfUsersSQL, users).Scan(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := map[string][]GroupRef{}
	for _, r := range rows {
		out[r.UserID] = append(out[r.UserID], GroupRef{ID: r.ID, Name: r.Name})
	}
	return out, nil
}

// livingGroup reads a group inside the transaction that changes it. NotFound if there is none, or not any more; Stale if
// version, where one is given, is another.
func livingGroup(tx *db.Tx, id string, version *int64) (groupRow, error) {
	g, ok, err := one[groupRow](tx.Gorm().Select("id, name, note, version").Where("id = ? AND deleted_at IS NULL", id))
	switch {
	case err != nil:
		return groupRow{}, err
	case !ok:
		return groupRow{}, noSuchGroup()
	case version != nil && *version != g.Version:
		return g, fault.New(fault.Stale, "Somebody changed this group meanwhile. Read it again, then decide.")
	}
	return g, nil
}

func noSuchGroup() error { return fault.New(fault.NotFound, "There is no such group.") }

// roomForGroup refuses a name that looks like one that was ever given, and a group beyond maxGroups.
func roomForGroup(tx *db.Tx, key string) error {
	var taken, living int
	err := tx.QueryRow(`SELECT count(*) FILTER (WHERE name_key = ?), count(*) FILTER (WHERE deleted_at IS NULL) FROM groups`, key).Scan(&taken, &living)
	switch {
	case err != nil:
		return db.Translate(err)
	case taken > 0:
		return fault.New(fault.Conflict, "This group name, or one that looks like it, is or was in use.").WithField("name")
	case living >= maxGroups:
		return fault.Newf(fault.Unprocessable, "There are %d groups already: delete one that nobody needs.", living).WithField("name")
	}
	return nil
}

// endGroup empties the group and keeps its row, so that its name stays taken.
func endGroup(tx *db.Tx, id string, now time.Time) error {
	if err := exec(tx, `DELETE FROM group_members WHERE group_id = ?`, id); err != nil {
		return err
	}
	return exec(tx, `UPDATE groups SET deleted_at = ?, note = '', version = version + 1 WHERE id = ?`, millis(now), id)
}

// setMember writes one membership, and counts the change.
func setMember(tx *db.Tx, group, user string, in bool) error {
	var err error
	if in {
		err = exec(tx, `INSERT INTO group_members (group_id, user_id, added_at) VALUES (?, ?, ?)`, group, user, millis(tx.Now()))
	} else {
		err = exec(tx, `DELETE FROM group_members WHERE group_id = ? AND user_id = ?`, group, user)
	}
	if err != nil {
		return err
	}
	return exec(tx, `UPDATE groups SET version = version + 1 WHERE id = ?`, group)
}

// leaveGroups takes a user out of every group.
func leaveGroups(tx *db.Tx, user string) error {
	err := exec(tx, `UPDATE groups SET version = version + 1 WHERE id IN (SELECT group_id FROM group_members WHERE user_id = ?)`, user)
	if err != nil {
		return err
	}
	return exec(tx, `DELETE FROM group_members WHERE user_id = ?`, user)
}

func isMember(tx *db.Tx, group, user string) (bool, error) {
	n, err := count(tx, `SELECT count(*) FROM group_members WHERE group_id = ? AND user_id = ?`, group, user)
	return n > 0, err
}

func groupsOf(tx *db.Tx, user string) (int, error) {
	return count(tx, `SELECT count(*) FROM group_members WHERE user_id = ?`, user)
}

func membersOf(tx *db.Tx, group string) (int, error) {
	return count(tx, `SELECT count(*) FROM group_members WHERE group_id = ?`, group)
}

func count(tx *db.Tx, query string, args ...any) (n int, err error) {
	return n, db.Translate(tx.QueryRow(query, args...).Scan(&n))
}

// named says which kinds of rules name a group.
type named struct{ allow, deny bool }

func rulesOnGroup(tx *db.Tx, group string) (n named, err error) {
	err = tx.QueryRow(`SELECT coalesce(max(r.effect = 'allow'), 0), coalesce(max(r.effect = 'deny'), 0)
		FROM acl_rule_principals p JOIN acl_rules r ON r.id = p.rule_id WHERE p.kind = 'group' AND p.ref = ?`, group).Scan(&n.allow, &n.deny)
	return n, db.Translate(err)
}
