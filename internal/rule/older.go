package rule

import (
	"slices"
	"strings"

	"guardhouse/internal/fault"
)

// ParseOlderJSON reads the older spelling that PUT /v1/acl/model also takes: {"model", "principal": {"type", "value"},
// "operations", "conditions": {"ip_range", "rate_limit", "valid_until"}}, with effect (allow where it is missing). The type is
// user, role, group, key (or api_key), or any, which has no value or "*". // role, group, key (or api_key), or any, which has no value or "*". It refuses what ParseJSON refuses, by the names of the
// older fields.
func ParseOlderJSON(data []byte) (Rule, error) {
	v, err := parseJSON(data)
	if err != nil {
		return Rule{}, err
	}
	m, err := v.members("", "model", "principal", "operations", "conditions", "effect")
	if err != nil {
		return Rule{}, err
	}
	canon := &value{kind: isMap, keys: []string{"effect"}, items: []*value{{text: effectAllow}}}
	if e := m["effect"]; e != nil {
		canon.items[0] = e
	}
	if m["model"] == nil || m["principal"] == nil {
		return Rule{}, v.refuse("", "model and principal must be there")
	}
	who, err := m["principal"].older()
	if err != nil {
		return Rule{}, err
	}
	canon.add("models", &value{kind: isList, items: []*value{m["model"]}})
	canon.add("principals", &value{kind: isList, items: []*value{who}})
	if o := m["operations"]; o != nil {
		canon.add("operations", o)
	}
	if c := m["conditions"]; c != nil {
		given, err := c.members("conditions", "ip_range", CondRate, CondUntil)
		if err != nil {
			return Rule{}, err
		}
		asked := &value{kind: isMap}
		for name, as := range map[string]string{"ip_range": CondIP, CondRate: CondRate, CondUntil: CondUntil} {
			if n := given[name]; n != nil {
				asked.add(as, n)
			}
		}
		canon.add("conditions", asked)
	}
	r, err := NewParser().rule(canon, "", nil)
	return r, olderNames(err)
}

// IsOlder says whether a body of PUT /v1/acl/model is in the older spelling: an object that has a principal and no rules.
func IsOlder(data []byte) bool {
	v, err := parseJSON(data)
	return err == nil && v.kind == isMap && slices.Contains(v.keys, "principal") && !slices.Contains(v.keys, "rules")
}

// olderNames answers the error with its field as the older spelling calls it.
func olderNames(err error) error {
	if err == nil {
		return nil
	}
	e := fault.From(err)
	older := strings.NewReplacer("models[0]", "model", "principals[0]", "principal.value", "conditions."+CondIP, "conditions.ip_range").Replace(e.Field)
	text := e.Message
	if rest, found := strings.CutPrefix(text, e.Field+": "); found && e.Field != "" {
		text = older + ": " + rest
	}
	return fault.New(fault.Invalid, text).WithField(older)
}

// add appends a member to a map that is being made.
func (v *value) add(key string, item *value) {
	v.keys, v.items = append(v.keys, key), append(v.items, item)
}

// older answers a principal in the canonical spelling.
func (v *value) older() (*value, error) {
	m, err := v.members("principal", "type", "value")
	if err != nil {
		return nil, err
	}
	if m["type"] == nil {
		return nil, v.refuse("principal.type", "must be there")
	}
	kind, err := m["type"].oneOf("principal.type", KindUser, KindRole, KindGroup, KindKey, "api_key", KindAny)
	if err != nil {
		return nil, err
	}
	ref := m["value"]
	if kind == KindAny {
		if ref != nil && (ref.kind != isString || ref.text != "*") {
			return nil, ref.refuse("principal.value", "must be * or missing")
		}
		return &value{text: "*"}, nil
	}
	if kind == "api_key" {
		kind = KindKey
	}
	if ref == nil {
		return nil, v.refuse("principal.value", "must be there")
	}
	name, err := ref.word("principal.value")
	return &value{text: kind + ":" + name}, err
}
