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

// endings tell by how a reason begins and ends what it is about.
var endings = []struct {
	begins, ends string
	kind         Kind
}{
	{"grp_", " made", KindGroupMade},
	{"grp_", " has other members", KindGroupMembers},
	{"grp_", " deleted", KindGroupDeleted},
	{"role of ", " changed", KindUserRole}, // before roles: no role's name has a space
	{"role ", " changed", KindRoleChanged},
	{"role ", " deleted", KindRoleDeleted},
	{"setting ", " changed", KindSetting},
	{"as shipped", "", KindStart},
}

// kind answers what the version was made for, and the group's id, the role or the setting. Who got another role is not told here:
// that stands in the audit log, for its readers.
func (r *versionRow) kind() (kind Kind, subject string) {
	switch {
	case r.Reason == access.ReasonFromFile:
		return KindFromFile, ""
	case r.Reason == access.ReasonFromDatabase:
		return KindFromDatabase, ""
	case r.Ruled:
		return KindRules, ""
	}
	for _, e := range endings {
		if !strings.HasPrefix(r.Reason, e.begins) || !strings.HasSuffix(r.Reason, e.ends) {
			continue
		}
		switch subject = strings.TrimSuffix(r.Reason, e.ends); e.kind {
		case KindUserRole, KindStart:
			return e.kind, ""
		case KindRoleChanged, KindRoleDeleted, KindSetting:
			return e.kind, strings.TrimPrefix(subject, e.begins)
		}
		return e.kind, subject
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
