package policy

import (
	"context"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/rule"
)

// Kind says what a version was made for.
type Kind string

// What versions are made for.
const (
	KindRules        Kind = "rules"         // rules or their default were changed
	KindFromFile     Kind = "from_file"     // the rules come from acl.file from then on
	KindFromDatabase Kind = "from_database" // they no longer do
	KindGroupMade    Kind = "group_made"
	KindGroupMembers Kind = "group_members"
	KindGroupDeleted Kind = "group_deleted"
	KindRoleChanged  Kind = "role_changed"
	KindRoleDeleted  Kind = "role_deleted"
	KindUserRole     Kind = "user_role" // somebody has another role
	KindSetting      Kind = "setting"
	KindStart        Kind = "start" // as the product came
	KindOther        Kind = "other"
)

// ending tells by how a reason begins and ends what it is about.
type ending struct {
	begins, ends string
	kind         Kind
	front        int // how much of it is no part of the subject; -1 where none is told
}

func endings() []ending {
	return []ending{
		{"grp_", " made", KindGroupMade, 0},
		{"grp_", " has other members", KindGroupMembers, 0},
		{"grp_", " deleted", KindGroupDeleted, 0},
		// Before roles: no role's name has a space. Who got another is told in the audit log, to its readers.
		{"role of ", " changed", KindUserRole, -1},
		{"role ", " changed", KindRoleChanged, len("role ")},
		{"role ", " deleted", KindRoleDeleted, len("role ")},
		{"setting ", " changed", KindSetting, len("setting ")},
		{"as shipped", "", KindStart, -1},
	}
}

// kind answers what the version was made for, and the group's id, the role or the setting.
func (r *versionRow) kind() (kind Kind, subject string) {
	switch {
	case r.Reason == access.ReasonFromFile:
		return KindFromFile, ""
	case r.Reason == access.ReasonFromDatabase:
		return KindFromDatabase, ""
	case r.Ruled:
		return KindRules, ""
	}
	for _, e := range endings() {
		switch {
		case !strings.HasPrefix(r.Reason, e.begins) || !strings.HasSuffix(r.Reason, e.ends):
		case e.front < 0:
			return e.kind, ""
		default:
			return e.kind, strings.TrimSuffix(r.Reason, e.ends)[e.front:]
		}
	}
	return KindOther, ""
}

// subjects puts the names of groups in the place of their ids; one that is gone is told by the name that it had.
func (s *Service) subjects(ctx context.Context, list []Version) error {
	var groups []rule.Principal
	for _, v := range list {
		if strings.HasPrefix(string(v.Kind), "group_") {
			groups = append(groups, rule.Principal{Kind: rule.KindGroup, Ref: v.Subject})
		}
	}
	if len(groups) == 0 {
		return nil
	}
	names, err := s.d.Names.Shown(ctx, groups)
	if err != nil {
		return err
	}
	former, err := s.d.Names.Former(ctx, groups)
	if err != nil {
		return err
	}
	for i := range list {
		who := rule.Principal{Kind: rule.KindGroup, Ref: list[i].Subject}
		if name, ok := names[who]; ok {
			list[i].Subject = name.Ref
		} else if name, ok := former[who]; ok {
			list[i].Subject = name.Ref
		}
	}
	return nil
}
