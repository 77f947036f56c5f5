package events

import (
	"context"

	"guardhouse/internal/access"
	"guardhouse/internal/moderation"
)

// view is what one principal may see of entries, by the rights of the moment it was made.
type view struct {
	userID                    string
	audit, users, keys, rules bool
	sight                     moderation.Sight
}

func (h *Hub) view(ctx context.Context, p access.Principal) view {
	return view{
		userID: p.UserID,
		audit:  h.d.Guard.Can(p, access.AuditRead), users: h.d.Guard.Can(p, access.UserManage),
		keys: h.d.Guard.Can(p, access.KeyManage), rules: h.d.Guard.Can(p, access.ACLManage), sight: h.d.History.Sight(ctx, p),
	}
}

// of answers the events that e has for the principal. Only the last one carries the row's number, so that a reader who is
// cut off within a row gets all of it again.
func (v view) of(e *entry) []Event {
	var out []Event
	for _, d := range e.verdicts {
		if v.sight.Sees(d.owner, d.model) {
			out = append(out, Event{Type: TypeVerdict, Data: d.data})
		}
	}
	if v.audit {
		out = append(out, Event{Type: TypeAudit, Data: e.audit})
	}
	if e.hint != nil && v.concerns(*e.hint) {
		out = append(out, Event{Type: e.hint.kind, Data: e.hint.data})
	}
	if len(out) > 0 {
		out[len(out)-1].ID = e.seq
	}
	return out
}

func (v view) concerns(hi hint) bool {
	if v.userID != "" && hi.whose == v.userID {
		return true
	}
	switch hi.kind {
	case TypeUser:
		return v.users
	case TypeKey:
		return v.keys
	default:
		return v.rules
	}
}
