package events

import (
	"encoding/json"
	"slices"
	"strings"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
)

// entry is one audit row, encoded once for everybody, with what says who may see which part.
type entry struct {
	seq      int64
	audit    json.RawMessage
	verdicts []verdict
	hint     *hint
	rights   bool // it may have changed what somebody may do: every stream asks anew before it goes on
	policy   bool // it may have changed roles or rules
}

type verdict struct {
	owner, model string
	data         json.RawMessage
}

// hint says that something in a list was changed: its id and nothing more.
type hint struct {
	kind, whose string // whose: the one who learns of it without administering the list
	data        json.RawMessage
}

// entryOverhead is roughly what an entry takes beside its bytes.
const entryOverhead = 256

func (e *entry) size() int {
	n := entryOverhead + len(e.audit)
	for _, v := range e.verdicts {
		n += entryOverhead + len(v.data)
	}
	return n
}

// entries puts the verdicts to their audit rows. Both are in the order of the log.
func (h *Hub) entries(rows []audit.Event, verdicts []moderation.OwnedRow) ([]*entry, error) {
	out := make([]*entry, 0, len(rows))
	for _, ev := range rows {
		n := 0
		for n < len(verdicts) && verdicts[n].AuditSeq == ev.Seq {
			n++
		}
		e, err := h.entry(ev, verdicts[:n])
		if err != nil {
			return nil, err
		}
		out, verdicts = append(out, e), verdicts[n:]
	}
	return out, nil
}

func (h *Hub) entry(ev audit.Event, rows []moderation.OwnedRow) (*entry, error) {
	raw, err := json.Marshal(ev)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the audit row cannot be encoded")
	}
	e := &entry{seq: ev.Seq, audit: raw, rights: touchesRights(ev), policy: touchesPolicy(ev)}
	if e.hint, err = hintOf(ev); err != nil {
		return nil, err
	}
	for _, r := range rows {
		data, err := h.d.Verdict(r.HistoryRow)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the verdict cannot be encoded")
		}
		e.verdicts = append(e.verdicts, verdict{r.Owner, r.Model.ID, data})
	}
	return e, nil
}

// touchesRights is true for everything that took effect but plain use: a new kind of administration is on the safe side.
func touchesRights(ev audit.Event) bool {
	plain := []access.Action{
		access.ExampleRead, access.ModelView, access.ModerationRun, access.ModerationRead, access.ModerationReadAll,
		access.AnalysisView, access.AnalysisRun, access.AnalysisReport, access.ImageGenerate, access.ChatRun,
		access.AuditRead, access.AuditExport, access.MetricsRead, access.AuthLogin,
	}
	// A refresh token that is used again is refused, and ends its session all the same.
	took := ev.Decision == audit.Allow || ev.Action == string(access.AuthRefresh)
	return took && !slices.Contains(plain, access.Action(ev.Action))
}

func touchesPolicy(ev audit.Event) bool {
	care := []access.Action{access.UserManage, access.ModelManage, access.ACLManage, access.SettingsManage}
	return ev.Decision == audit.Allow && slices.Contains(care, access.Action(ev.Action))
}

// changesOneself says that somebody changed his own account: its password or what is shown of it. That he ended his sessions
// is another row of the same action.
func changesOneself(ev audit.Event) bool {
	change, _ := ev.Details["change"].(string)
	return ev.Action == string(access.SessionOwn) && (change == "password" || change == "profile")
}

func hintOf(ev audit.Event) (*hint, error) {
	kind, id, ok := strings.Cut(ev.Resource, ":")
	if !ok || ev.Decision != audit.Allow {
		return nil, nil //nolint:nilnil // most rows have none
	}
	hi := &hint{kind: kind}
	switch a := access.Action(ev.Action); {
	case kind == TypeUser && (a == access.UserManage || changesOneself(ev)):
		hi.whose = id
	case kind == TypeKey && (a == access.KeyOwn || a == access.KeyManage):
		hi.whose = ownerOf(ev)
	case kind == TypeRequest && (a == access.SessionOwn || a == access.ACLManage):
		hi.whose, _ = ev.Details["user"].(string)
	case kind == TypeReview && (a == access.SessionOwn || a == access.ACLManage):
		hi.whose = ev.Actor.ID
	default:
		return nil, nil //nolint:nilnil // as above
	}
	var err error
	hi.data, err = json.Marshal(map[string]string{"id": id})
	return hi, err
}

// ownerOf answers whose key the row is about: of whoever it names, else of whoever acted.
func ownerOf(ev audit.Event) string {
	owner, _ := ev.Details["owner"].(string)
	if id, ok := strings.CutPrefix(owner, TypeUser+":"); ok {
		return id
	}
	return ev.Actor.ID
}
