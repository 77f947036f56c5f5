package evidence

import (
	"io"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
)

// person is an account: never a hash, an address or what unlocks it.
type person struct {
	ID          string   `json:"id"`
	Username    string   `json:"username"`
	DisplayName string   `json:"display_name"`
	Kind        string   `json:"kind"`
	Role        string   `json:"role"`
	Status      string   `json:"status"`
	Groups      []string `json:"groups"`
	MFA         bool     `json:"mfa"`
	CreatedAt   *string  `json:"created_at"`
	UpdatedAt   *string  `json:"updated_at"`
	LastLoginAt *string  `json:"last_login_at"`
	LastSeenAt  *string  `json:"last_seen_at"`
	Sessions    int      `json:"sessions"`
	Keys        int      `json:"keys"`
}

type group struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Note      string  `json:"note"`
	Members   int     `json:"members"`
	Rules     int     `json:"rules"`
	CreatedAt *string `json:"created_at"`
}

type role struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Builtin     bool            `json:"builtin"`
	Actions     []access.Action `json:"actions"`
	Users       int             `json:"users"`
	Changes     []change        `json:"changes"`
}

// change is the last change of one right of a role.
type change struct {
	Action  access.Action `json:"action"`
	Allowed bool          `json:"allowed"`
	At      *string       `json:"at"`
	By      string        `json:"by"`
	EventID string        `json:"event_id"`
}

// key is an API key by its prefix: neither its secret nor the hash of it.
type key struct {
	ID          string   `json:"id"`
	Prefix      string   `json:"prefix"`
	Label       string   `json:"label"`
	UserID      string   `json:"user_id"`
	Username    string   `json:"username"`
	Models      []string `json:"models"`
	Operations  []string `json:"operations"`
	IPRanges    []string `json:"ip_ranges"`
	RateLimit   string   `json:"rate_limit"`
	CreatedAt   *string  `json:"created_at"`
	ValidUntil  *string  `json:"valid_until"`
	LastUsedAt  *string  `json:"last_used_at"`
	RevokedAt   *string  `json:"revoked_at"`
	SuspendedAt *string  `json:"suspended_at"`
	RotatedTo   string   `json:"rotated_to"`
}

// people writes who there is and what each may: accounts, deleted ones too, groups, roles with their rights, and keys.
func (m *making) people(w io.Writer) error {
	o := &object{w: w}
	for name, status := range pairs("people", "", "deleted_people", "deleted") {
		list(o, name, func(cursor string) ([]person, string, error) {
			page, err := m.s.d.Auth.ListUsers(m.ctx, reader(), auth.UserFilter{Status: status}, pageItems, cursor)
			return each(page.Items, personOf), page.NextCursor, err
		})
	}
	list(o, "groups", func(cursor string) ([]group, string, error) {
		page, err := m.s.d.Auth.ListGroups(m.ctx, reader(), "", pageItems, cursor)
		return each(page.Items, groupOf), page.NextCursor, err
	})
	list(o, "roles", func(string) ([]role, string, error) {
		roles, err := m.s.d.Guard.Roles(m.ctx, reader())
		return each(roles, roleOf), "", err
	})
	list(o, "keys", func(cursor string) ([]key, string, error) {
		page, err := m.s.d.Auth.ListKeys(m.ctx, reader(), pageItems, cursor)
		return each(page.Items, keyOf), page.NextCursor, err
	})
	return o.end()
}

// pairs hands over names with values, two by two, in their order.
func pairs(of ...string) func(yield func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for p := range slices.Chunk(of, 2) {
			if !yield(p[0], p[1]) {
				return
			}
		}
	}
}

func each[T, U any](list []T, of func(T) U) []U {
	out := make([]U, 0, len(list))
	for _, it := range list {
		out = append(out, of(it))
	}
	return out
}

func personOf(u auth.User) person {
	p := person{
		ID: u.ID, Username: u.Username, DisplayName: u.DisplayName, Kind: u.Kind, Role: u.Role, Status: u.Status, MFA: u.MFA,
		CreatedAt: moment(&u.CreatedAt), UpdatedAt: moment(&u.UpdatedAt), LastLoginAt: moment(u.LastLoginAt),
		Groups: each(u.Groups, func(g auth.GroupRef) string { return g.ID }),
	}
	if u.Use != nil {
		p.LastSeenAt, p.Sessions, p.Keys = moment(u.Use.LastSeenAt), u.Use.Sessions, u.Use.Keys
	}
	return p
}

func groupOf(g auth.Group) group {
	return group{ID: g.ID, Name: g.Name, Note: g.Note, Members: g.Members, Rules: g.Rules, CreatedAt: moment(&g.CreatedAt)}
}

func roleOf(r access.Role) role {
	out := role{Name: r.Name, Description: r.Description, Builtin: r.Builtin, Actions: orEmpty(r.Actions), Users: r.Users, Changes: []change{}}
	for _, c := range r.Cells {
		if c.ChangedAt != nil {
			out.Changes = append(out.Changes, change{c.Action, c.Allowed, moment(c.ChangedAt), c.ChangedBy, c.EventID})
		}
	}
	return out
}

func keyOf(k auth.Key) key {
	return key{
		ID: k.ID, Prefix: k.Prefix, Label: k.Label, UserID: k.UserID, Username: k.Username, Models: orEmpty(k.Models), Operations: orEmpty(k.Operations),
		IPRanges: orEmpty(k.IPRanges), RateLimit: k.RateLimit, CreatedAt: moment(&k.CreatedAt), ValidUntil: moment(k.ValidUntil),
		LastUsedAt: moment(k.LastUsedAt), RevokedAt: moment(k.RevokedAt), SuspendedAt: moment(k.SuspendedAt), RotatedTo: k.RotatedTo,
	}
}
