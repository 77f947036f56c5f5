package moderation

import (
	"context"
	"math"
	"time"

	"github.com/oklog/ulid/v2"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

// commit writes every verdict and the one audit row in one transaction and answers the verdicts.
func (j *job) commit(ctx context.Context, m catalog.Model) ([]Verdict, error) {
	ids, err := j.s.newIDs(len(j.items))
	if err != nil {
		return nil, err
	}
	runtime, err := j.s.runtimeID(j.runtime)
	if err != nil {
		return nil, err
	}
	out := make([]Verdict, len(j.items))
	for i := range out {
		out[i] = j.verdict(i, ids[i], m)
	}
	j.pass.Used(cost(out))
	o := access.Outcome{Details: details(out)}
	if len(out) == 1 {
		o.Resource = "moderation:" + out[0].ID
	}
	ev, err := j.pass.Commit(ctx, o, func(tx *db.Tx, ev audit.Event) error {
		return insertVerdicts(tx, ev, j.pass.Principal(), out, runtime)
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].CreatedAt, out[i].AuditHash = ev.At, ev.Hash
		if j.reference {
			out[i].Reference = &j.references[i]
		}
	}
	j.remember()
	j.s.stats.add(m.ID, out)
	return out, nil
}

func (j *job) verdict(i int, id string, m catalog.Model) Verdict {
	o, computed := j.items[i], j.runtime
	return Verdict{
		ID: id, RequestID: j.pass.Principal().Origin.RequestID,
		Severity: o.severity, Categories: o.categories, Refusal: o.refusal, Flagged: flagged(o.severity, j.mode),
		Action: o.action, Scores: o.scores, Cached: j.known[i].hit,
		Model:  refOf(m),
		Policy: PolicyRef{Version: j.pass.PolicyVersion(), Mode: j.mode}, Runtime: &computed,
		Timings: Timings{
			QueueMS: millis(o.queue), ModelMS: millis(o.compute), TotalMS: millis(j.totals[i]),
			PromptTokens: o.tokens, Passes: o.passes, Windows: o.windows, QueuePosition: o.place,
		},
		DecidingWindow: o.decided,
	}
}

// cost is what verdicts take of quotas beside the tokens that the model was asked with: those of remembered verdicts, and the
// model's time.
func cost(vs []Verdict) (c access.Cost) {
	for _, v := range vs {
		if v.Cached {
			c.Tokens += int64(v.Timings.PromptTokens)
		}
		c.ComputeMS += int64(math.Ceil(v.Timings.ModelMS))
	}
	return c
}

// millis keeps whole microseconds, which is what the row keeps.
func millis(d time.Duration) float64 { return float64(max(d, 0).Microseconds()) / 1e3 }

// details say of each input what was decided, never what was said; how many there were stands in the row
// beside it. An id is left out of the list: the verdict rows carry the row's number and their place in it.
func details(vs []Verdict) map[string]any {
	list := make([]any, len(vs))
	for i, v := range vs {
		names := make([]any, len(v.Categories))
		for k, c := range v.Categories {
			names[k] = c
		}
		said := map[string]any{"severity": v.Severity, "action": v.Action, "categories": names}
		if v.Cached {
			said["cached"] = true
		}
		list[i] = said
	}
	return map[string]any{"verdicts": list, "mode": vs[0].Policy.Mode}
}

// newIDs answers ids that sort in the order in which this process made them.
func (s *Service) newIDs(n int) ([]string, error) {
	now := ulid.Timestamp(s.o.Now())
	ids := make([]string, n)
	for i := range ids {
		id, err := ulid.New(now, s.entropy)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "making the verdict's id")
		}
		ids[i] = "mod_" + id.String()
	}
	return ids, nil
}

// ownerOf answers whose history the row belongs to: a key's rows are its owner's; the command line has
// no user and owns its rows by name.
func ownerOf(p access.Principal) string {
	if p.UserID != "" {
		return p.UserID
	}
	return p.Kind + ":" + p.Name
}
