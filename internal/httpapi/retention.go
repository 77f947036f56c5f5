package httpapi

import (
	"context"
	"strconv"
	"strings"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/retention"
	"guardhouse/internal/settings"
)

// retentionKeys are the settings behind the kinds, in their order, each with the fewest days that it takes.
func retentionKeys() []retentionKey {
	return []retentionKey{{gen.RetentionOfAudit, "retention.audit", 180}, {gen.RetentionOfVerdicts, "retention.verdicts", 1}, {gen.RetentionOfSessions, "retention.sessions", 1}}
}

type retentionKey struct {
	kind  gen.RetentionKindKind
	key   string
	least int
}

// GetRetention answers what is kept for how long and what would go.
func (s *Server) GetRetention(ctx context.Context, _ gen.GetRetentionRequestObject) (gen.GetRetentionResponseObject, error) {
	d, err := s.retention(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetRetention200JSONResponse{Body: d, Headers: gen.GetRetention200ResponseHeaders{ETag: etag(d.Version)}}, nil
}

// PutRetention stores for how long each kind is kept.
func (s *Server) PutRetention(ctx context.Context, r gen.PutRetentionRequestObject) (gen.PutRetentionResponseObject, error) {
	p := exchangeOf(ctx).principal
	now, err := s.deps.Settings.Get(requestContext(ctx), p)
	if err != nil {
		return nil, err
	}
	change := settings.Change{Values: map[string]*string{}}
	wanted := map[string]int{"retention.audit": r.Body.Audit, "retention.verdicts": r.Body.Verdicts, "retention.sessions": r.Body.Sessions}
	for _, it := range now.Items {
		days, ours := wanted[it.Key]
		if text := strconv.Itoa(days); ours && text != it.Value {
			change.Values[it.Key] = &text
		}
	}
	change.Version, err = s.ifMatch(ctx, r.Params.IfMatch, false, func() (int64, error) { return now.Version, nil })
	if err != nil {
		return nil, err
	}
	if _, err := s.deps.Settings.Change(requestContext(ctx), p, change); err != nil {
		return nil, err
	}
	d, err := s.retention(ctx)
	if err != nil {
		return nil, err
	}
	return gen.PutRetention200JSONResponse{Body: d, Headers: gen.PutRetention200ResponseHeaders{ETag: etag(d.Version)}}, nil
}

// retention answers the state with the settings that it follows from.
func (s *Server) retention(ctx context.Context) (gen.Retention, error) {
	st, err := s.deps.Retention.Get(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return gen.Retention{}, err
	}
	v, err := s.deps.Settings.Get(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return gen.Retention{}, err
	}
	d := gen.Retention{
		Version: v.Version, Presets: []int{90, 180, 365, 2190}, Plan: planDTO(st.Plan), Runs: each(st.Runs, runDTO), Kinds: []gen.RetentionKind{},
	}
	if st.Looked != nil {
		d.Looked = &gen.RetentionLook{At: wire.At(st.Looked.At), Result: gen.RetentionLookResult(st.Looked.Result)}
	}
	for _, k := range retentionKeys() {
		for _, it := range v.Items {
			if it.Key == k.key {
				d.Kinds = append(d.Kinds, kindDTO(k, it))
			}
		}
	}
	return d, nil
}

func kindDTO(k retentionKey, it settings.Item) gen.RetentionKind {
	days, _ := strconv.Atoi(it.Value) // the settings take numbers alone
	byDefault, _ := strconv.Atoi(it.Default)
	return gen.RetentionKind{
		Kind: k.kind, Days: days, DefaultDays: byDefault, LeastDays: k.least, Source: gen.RetentionKindSource(it.Source), Editable: it.Editable,
		ChangedAt: wire.Maybe(it.ChangedAt), ChangedBy: orNil(it.ChangedBy), EventID: orNil(it.EventID),
	}
}

// ConfirmClock takes the clock as explained.
func (s *Server) ConfirmClock(ctx context.Context, r gen.ConfirmClockRequestObject) (gen.ConfirmClockResponseObject, error) {
	if err := s.deps.Retention.ConfirmClock(requestContext(ctx), exchangeOf(ctx).principal, r.Body.Reason); err != nil {
		return nil, err
	}
	return gen.ConfirmClock204Response{}, nil
}

// PruneAudit says what would go, or has it go.
func (s *Server) PruneAudit(ctx context.Context, r gen.PruneAuditRequestObject) (gen.PruneAuditResponseObject, error) {
	var run *gen.RetentionRun
	if !value(r.Body.DryRun) {
		made, err := s.deps.Retention.Prune(requestContext(ctx), exchangeOf(ctx).principal)
		if err != nil {
			return nil, err
		}
		d := runDTO(made)
		run = &d
	}
	st, err := s.deps.Retention.Get(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	return gen.PruneAudit200JSONResponse{Plan: planDTO(st.Plan), Run: run}, nil
}

func planDTO(p retention.Plan) gen.RetentionPlan {
	d := gen.RetentionPlan{
		Questions: []gen.ClockQuestion{}, AsOf: wire.Maybe(&p.AsOf), Rows: p.Rows, Verdicts: p.Verdicts, Sessions: p.Sessions,
		FirstSeq: p.FirstSeq, LastSeq: p.LastSeq, From: wire.Maybe(&p.From), To: wire.Maybe(&p.To), AuditBefore: wire.Maybe(&p.AuditBefore),
		VerdictsBefore: wire.Maybe(&p.VerdictsBefore), SessionsBefore: wire.Maybe(&p.SessionsBefore), Held: p.Held, Unsent: p.Unsent, Unexported: p.Unexported,
	}
	if p.Stopped != "" {
		stopped := gen.RetentionPlanStopped(p.Stopped)
		d.Stopped = &stopped
	}
	for _, q := range p.Questions {
		d.Questions = append(d.Questions, gen.ClockQuestion{
			Kind: gen.ClockQuestionKind(q.Kind), Before: wire.At(q.Before), After: wire.At(q.After), Seconds: int64(q.By / time.Second),
		})
	}
	return d
}

func runDTO(r retention.Run) gen.RetentionRun {
	return gen.RetentionRun{
		At: wire.At(r.At), By: r.By, EventID: r.EventID, Rows: r.Rows, Verdicts: r.Verdicts, Sessions: r.Sessions, RowsGone: r.RowsGone,
		VerdictsGone: r.VerdictsGone, SessionsGone: r.SessionsGone, Tombstones: r.Tombstones, FinishedAt: wire.Maybe(r.FinishedAt), Problem: orNil(r.Problem),
		ProblemCode: orNil(r.Why()),
	}
}

// ListTombstones answers what stands for removed rows.
func (s *Server) ListTombstones(ctx context.Context, r gen.ListTombstonesRequestObject) (gen.ListTombstonesResponseObject, error) {
	if err := s.mayRead(ctx, access.AuditRead); err != nil {
		return nil, err
	}
	after, err := tombstoneCursor(value(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	list, err := s.deps.Audit.Tombstones(requestContext(ctx), after, limitOf(r.Params.Limit))
	if err != nil {
		return nil, err
	}
	out := gen.ListTombstones200JSONResponse{Items: each(list, tombstoneDTO)}
	if n := len(list); n > 0 {
		more, err := s.deps.Audit.Tombstones(requestContext(ctx), list[n-1].First, 1)
		if err != nil {
			return nil, err
		}
		if len(more) > 0 {
			out.NextCursor = orNil(strconv.FormatInt(list[n-1].First, 36))
		}
	}
	return out, nil
}

// tombstoneCursor answers the row number that a cursor stands for; it refuses one that is not ours.
func tombstoneCursor(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 36, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 36) != text {
		return 0, fault.New(fault.Invalid, "the cursor is not one of ours").WithField("cursor")
	}
	return n, nil
}

func tombstoneDTO(t audit.Tombstone) gen.AuditTombstone {
	return gen.AuditTombstone{
		FirstSeq: t.First, LastSeq: t.Last, Rows: t.Rows, PrevHash: t.PrevHash, LastHash: t.LastHash, From: wire.At(t.From), To: wire.At(t.To),
		At: wire.At(t.At), Rule: t.Rule, EventID: t.EventID, Note: t.Note,
	}
}

// removedRow answers the tombstone that stands for a row, nil where none does.
func (s *Server) removedRow(ctx context.Context, seq int64) (*gen.AuditTombstone, error) {
	t, ok, err := s.deps.Audit.TombstoneOf(requestContext(ctx), seq)
	if err != nil || !ok {
		return nil, err
	}
	d := tombstoneDTO(t)
	return &d, nil
}

// ListHolds answers legal holds.
func (s *Server) ListHolds(ctx context.Context, r gen.ListHoldsRequestObject) (gen.ListHoldsResponseObject, error) {
	list, next, err := s.deps.Retention.Holds(requestContext(ctx), exchangeOf(ctx).principal, value(r.Params.All), value(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListHolds200JSONResponse{Items: each(list, holdDTO), NextCursor: orNil(next)}, nil
}

// AddHold sets a hold.
func (s *Server) AddHold(ctx context.Context, r gen.AddHoldRequestObject) (gen.AddHoldResponseObject, error) {
	h, err := s.deps.Retention.AddHold(requestContext(ctx), exchangeOf(ctx).principal, retention.NewHold{
		Person: strings.TrimSpace(value(r.Body.Person)), From: r.Body.From, To: r.Body.To, Reason: r.Body.Reason,
	})
	if err != nil {
		return nil, err
	}
	return gen.AddHold201JSONResponse{Body: holdDTO(h), Headers: gen.AddHold201ResponseHeaders{Location: "/api/v1/audit/holds/" + h.ID}}, nil
}

// ReleaseHold ends a hold.
func (s *Server) ReleaseHold(ctx context.Context, r gen.ReleaseHoldRequestObject) (gen.ReleaseHoldResponseObject, error) {
	h, err := s.deps.Retention.ReleaseHold(requestContext(ctx), exchangeOf(ctx).principal, r.ID, r.Body.Reason)
	if err != nil {
		return nil, err
	}
	return gen.ReleaseHold200JSONResponse(holdDTO(h)), nil
}

func holdDTO(h retention.Hold) gen.Hold {
	return gen.Hold{
		ID: h.ID, Person: orNil(h.UserName), PersonID: orNil(h.UserID), From: wire.Maybe(h.From), To: wire.Maybe(h.To), Reason: h.Reason, CreatedAt: wire.At(h.At),
		CreatedBy: h.By, EventID: h.EventID, ReleasedAt: wire.Maybe(h.ReleasedAt), ReleasedBy: orNil(h.ReleasedBy), ReleaseReason: orNil(h.ReleasedBecause),
		ReleaseEventID: orNil(h.ReleaseEventID),
	}
}
