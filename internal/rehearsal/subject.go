package rehearsal

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// own is how the caller is written.
func own(caller access.Principal) string {
	if caller.Kind == access.KindKey {
		return rule.KindKey + ":" + caller.KeyID
	}
	return rule.KindUser + ":" + caller.Name
}

// subject answers who is asked about, and whether only the safe answer may be given. free says that the question chooses what
// nobody may choose who asks about himself.
func (s *Service) subject(ctx context.Context, caller access.Principal, named string, free bool) (who access.Principal, safe bool, err error) {
	safe = !s.Guard.Can(caller, access.ACLManage)
	if free && safe {
		return who, safe, s.administers(ctx, caller)
	}
	if named == "" || named == own(caller) {
		who, err = s.himself(ctx, caller)
		return who, safe, err
	}
	p, err := rule.ParsePrincipal(named)
	switch {
	case err != nil:
		return who, safe, fault.From(err).WithField("principal")
	case safe && p.Kind == rule.KindKey:
		return s.ownKey(ctx, caller, p)
	case safe:
		return who, safe, s.administers(ctx, caller)
	}
	who, err = s.principal(ctx, p)
	return who, safe, err
}

// himself is the caller as the gate would see him now.
func (s *Service) himself(ctx context.Context, caller access.Principal) (access.Principal, error) {
	switch {
	case caller.Kind == access.KindKey:
		return s.Guard.PrincipalOf(ctx, rule.KindKey+":"+caller.KeyID)
	case caller.Kind == access.KindUser:
		return s.Guard.PrincipalOf(ctx, rule.KindUser+":"+caller.UserID)
	}
	return caller, nil
}

// ownKey answers a key of the caller's account. To him, another's is the same as none.
func (s *Service) ownKey(ctx context.Context, caller access.Principal, p rule.Principal) (access.Principal, bool, error) {
	who, err := s.Guard.PrincipalOf(ctx, p.String())
	if code := fault.CodeOf(err); code != "" && code != fault.Unprocessable {
		return who, true, err
	}
	if err != nil || caller.Kind != access.KindUser || who.UserID != caller.UserID {
		return access.Principal{}, true, s.administers(ctx, caller)
	}
	return who, true, nil
}

// principal answers who would come as the named one now.
func (s *Service) principal(ctx context.Context, p rule.Principal) (access.Principal, error) {
	if p.Kind == rule.KindAny {
		return access.Principal{}, fault.New(fault.Unprocessable, "Everybody is nobody in particular: name a user, role, group or key.").WithField("principal")
	}
	ids, err := s.Names.IDs(ctx, []rule.Principal{p})
	if err != nil {
		return access.Principal{}, err
	}
	id, known := ids[p]
	switch {
	case p.Kind == rule.KindKey:
		id = p // one key of its line, which may have ended: then that is the answer
	case !known:
		return access.Principal{}, fault.Newf(fault.Unprocessable, "There is no such %s.", p.Kind).WithField("principal")
	}
	return s.Guard.PrincipalOf(ctx, id.String())
}
