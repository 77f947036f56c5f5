package rule

import (
	"fmt"
	"slices"

	"guardhouse/internal/fault"
)

// Check is nil for a rule that the parsers would take, with or without an id and models, and fault.Invalid with the field for
// any other. Rules made in code go through it before they are stored.
func (r Rule) Check() error {
	if r.ID != "" {
		if err := checkID(r.ID); err != nil {
			return inField("id", err)
		}
	}
	if err := checkList("principals", r.Principals, maxPrincipals, func(p Principal) error {
		again, err := ParsePrincipal(p.String())
		if err == nil && again != p {
			err = invalid("must be role:, user:, key: or group: with a name, or *")
		}
		return err
	}); err != nil {
		return err
	}
	if len(r.Models) > 0 {
		if err := checkList("models", r.Models, maxModels, checkModel); err != nil {
			return err
		}
	}
	if err := checkList("operations", r.Operations, maxKeys, func(o Operation) error { return nil }); err != nil {
		return err
	}
	if len(r.Conditions.IPRanges) > maxRanges {
		return inField("conditions."+CondIP, invalid("at most %d entries", maxRanges))
	}
	if err := r.check(); err != nil {
		return err
	}
	if err := checkNote(r.Note); err != nil {
		return inField("note", err)
	}
	if err := checkOwner(r.Owner); err != nil {
		return inField("owner", err)
	}
	return nil
}

// checkList refuses an empty list, a long one, and one of which check refuses an entry.
func checkList[T any](field string, list []T, most int, check func(T) error) error {
	switch {
	case len(list) == 0:
		return inField(field, invalid("must not be empty"))
	case len(list) > most:
		return inField(field, invalid("at most %d entries", most))
	}
	for i, x := range list {
		if err := check(x); err != nil {
			return inField(fmt.Sprintf("%s[%d]", field, i), err)
		}
	}
	return nil
}

func inField(field string, err error) error {
	return fault.New(fault.Invalid, field+": "+fault.From(err).Message).WithField(field)
}

// Resolve answers the rule with what find answers for each of its principals, such as the id of a user's name; "*" stays. A
// set is compiled from resolved rules, as its requests carry ids. It answers find's first error, with the principal's field.
func (r Rule) Resolve(find func(Principal) (Principal, error)) (Rule, error) {
	out := r
	out.Principals = slices.Clone(r.Principals)
	for i, p := range r.Principals {
		if p.Kind == KindAny {
			continue
		}
		found, err := find(p)
		if err != nil {
			f := fault.From(err)
			field := fmt.Sprintf("principals[%d]", i)
			return Rule{}, fault.Wrap(err, f.Code, field+": "+f.Message).WithField(field)
		}
		out.Principals[i] = found
	}
	return out, nil
}
