package policy

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// Whole is the policy as one file. Lost are ids of rules that cannot be read, and so are not in it.
type Whole struct {
	rule.File
	Lost []string
	Tag  int64
}

// Policy answers all rules to a caller with acl.manage. The default stands in it only where a file says so.
func (s *Service) Policy(ctx context.Context, p access.Principal) (Whole, error) {
	if err := s.mayRead(ctx, p); err != nil {
		return Whole{}, err
	}
	now := s.d.Guard.Stored()
	var list []rule.Rule
	w := Whole{Tag: s.tags.of(now.Version, func() []rule.Rule { return plain(now.Rules) })}
	for _, r := range now.Rules {
		if r.Unreadable {
			w.Lost = append(w.Lost, r.ID)
			continue
		}
		list = append(list, r.Rule)
	}
	var err error
	if w.Rules, err = s.shown(ctx, list); err != nil {
		return Whole{}, err
	}
	w.Default, err = s.fileDefault(ctx)
	return w, err
}

// PutPolicy replaces all rules. A default in it may be the one in force, or acl.default, which then counts again in the place of
// what a file left behind; any other is refused (Conflict), as that is a setting.
func (s *Service) PutPolicy(ctx context.Context, p access.Principal, f rule.File, w Write) (Change, error) {
	var next []rule.Rule
	c, err := s.write(ctx, p, w, edit{
		target: "policy",
		tag:    tagOf,
		prepare: func(ctx context.Context, now access.Stored) error {
			if err := checkIDs(f.Rules); err != nil {
				return err
			}
			var err error
			next, err = s.stored(ctx, f.Rules, now, listed)
			return err
		},
		apply: func([]rule.Rule) ([]rule.Rule, error) { return next, nil },
		def:   func(now string) (string, error) { return s.asked(f.Default, now) },
	})
	return s.changeOf(c, w), err
}

// asked answers the stored default that shall be where a policy asks for want, "" for whatever is.
func (s *Service) asked(want, now string) (string, error) {
	switch want {
	case "", now:
		return now, nil
	case s.setDefault():
		return "", nil
	}
	return "", fault.New(fault.Conflict, "default: acl.default decides here, and says otherwise").WithField("default")
}

// setDefault is acl.default as a word.
func (s *Service) setDefault() string {
	if s.o.DefaultAllow {
		return "allow"
	}
	return "deny"
}

// PutSome adds rules or replaces those of their ids, and leaves all others. Each needs its id and its models.
func (s *Service) PutSome(ctx context.Context, p access.Principal, list []rule.Rule, w Write) (Change, error) {
	var next []rule.Rule
	c, err := s.write(ctx, p, w, edit{
		target: "policy",
		tag:    tagOf,
		prepare: func(ctx context.Context, now access.Stored) error {
			if err := checkIDs(list); err != nil {
				return err
			}
			var err error
			next, err = s.stored(ctx, list, now, listed)
			return err
		},
		apply: func(now []rule.Rule) ([]rule.Rule, error) {
			given, out := byID(next), make([]rule.Rule, 0, len(now)+len(next))
			for i := range now {
				if _, replaced := given[now[i].ID]; !replaced {
					out = append(out, now[i])
				}
			}
			return append(out, next...), nil
		},
	})
	return s.changeOf(c, w), err
}
