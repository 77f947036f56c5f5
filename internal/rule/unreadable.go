package rule

import "slices"

// Unreadable answers what counts in place of a stored rule that could not be read whole, for instance because a newer release
// wrote it. r has what could be read of it. A deny holds always: what it lacks or has unknown of principals, models and
// operations becomes all of them. An allow never holds, and yet is enforced: it keeps its models from falling to the default,
// and a key that it names stays narrowed, and so is refused. Neither has conditions or is report-only.
//
// Compile takes the answer if the id is its own.
func (r Rule) Unreadable() Rule {
	out := Rule{ID: r.ID, Allow: r.Allow, Note: r.Note, Owner: r.Owner, Origin: r.Origin}
	for _, p := range r.Principals {
		if p.known() {
			out.Principals = append(out.Principals, p)
		}
	}
	out.Models = slices.Clone(r.Models)
	if r.Allow {
		return out
	}
	if len(out.Principals) == 0 || len(out.Principals) < len(r.Principals) {
		out.Principals = []Principal{{Kind: KindAny}}
	}
	if len(out.Models) == 0 {
		out.Models = []string{"*"}
	}
	out.Operations = slices.Clone(r.Operations)
	if len(out.Operations) == 0 || slices.ContainsFunc(out.Operations, func(o Operation) bool { return o != Every && bit(o) == 0 }) {
		out.Operations = []Operation{Every}
	}
	return out
}
