package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"guardhouse/internal/rule"
)

// JSON answers a rule's canonical text. One that could not be read is written as what counts in its place, with whatever it
// lacks as an empty list.
func JSON(r rule.Rule) (json.RawMessage, error) {
	if out, err := r.JSON(); err == nil {
		return out, nil
	}
	word := func(yes bool, a, b string) string {
		if yes {
			return a
		}
		return b
	}
	who := make([]string, len(r.Principals))
	for i, p := range r.Principals {
		who[i] = p.String()
	}
	return json.Marshal(struct {
		ID         string           `json:"id"`
		Effect     string           `json:"effect"`
		Principals []string         `json:"principals"`
		Models     []string         `json:"models"`
		Operations []rule.Operation `json:"operations"`
		Conditions struct{}         `json:"conditions"`
		Mode       string           `json:"mode"`
		Note       string           `json:"note"`
		Owner      string           `json:"owner"`
	}{
		ID: r.ID, Effect: word(r.Allow, "allow", "deny"), Principals: who, Models: append([]string{}, r.Models...),
		Operations: append([]rule.Operation{}, r.Operations...), Mode: word(r.ReportOnly, "report-only", "enforce"), Note: r.Note, Owner: r.Owner,
	})
}

// text is what a rule says but for its id: two of the same text mean the same. The order within its lists says nothing.
func text(r rule.Rule) string {
	r.ID = ""
	r.Principals, r.Models, r.Operations = slices.Clone(r.Principals), slices.Clone(r.Models), slices.Clone(r.Operations)
	slices.SortFunc(r.Principals, func(a, b rule.Principal) int { return strings.Compare(a.String(), b.String()) })
	slices.Sort(r.Models)
	slices.Sort(r.Operations)
	r.Principals, r.Models, r.Operations = slices.Compact(r.Principals), slices.Compact(r.Models), slices.Compact(r.Operations)
	out, err := JSON(r)
	if err != nil {
		return fmt.Sprint(r.Allow, r.ReportOnly, r.Principals, r.Models, r.Operations, r.Note, r.Owner)
	}
	return string(out)
}

// tagOf answers what stands for exactly these rules in an ETag: above zero, and equal only for equal texts. It does not count
// versions, so that whoever edits one model's rules is not disturbed by a change of another's.
func tagOf(rules []rule.Rule) int64 {
	h := sha256.New()
	for i := range rules {
		t := text(rules[i])
		_, _ = fmt.Fprintf(h, "%s %d %s\n", rules[i].ID, len(t), t) // a hash takes everything
	}
	n := int64(binary.BigEndian.Uint64(h.Sum(nil)) >> 1) // the shift leaves 63 bits
	return max(n, 1)
}

// tags remembers the tag of the whole policy, which every page of the list has.
type tags struct{ last atomic.Pointer[versionTag] }

type versionTag struct{ version, tag int64 }

func (t *tags) of(version int64, rules func() []rule.Rule) int64 {
	if last := t.last.Load(); last != nil && last.version == version {
		return last.tag
	}
	next := &versionTag{version, tagOf(rules())}
	t.last.Store(next)
	return next.tag
}

// sorted answers the rules in the order of their ids.
func sorted(rules []rule.Rule) []rule.Rule {
	out := slices.Clone(rules)
	slices.SortFunc(out, func(a, b rule.Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}
