package rehearsal

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// Table is what somebody may do with every model that there is, or with every one that he may see where he asks himself.
type Table struct {
	Principal     string
	At            time.Time
	PolicyVersion int64
	Models        []ModelRow
}

// ModelRow is one model. Cells stand in the order of Operations.
type ModelRow struct {
	ID    string
	Cells []Cell
}

// Cell is what the gate would say of one operation.
type Cell struct {
	Allowed        bool
	Reason, RuleID string
}

// Operations are the columns of a Table.
func Operations() []access.Operation {
	return []access.Operation{access.View, access.Infer, access.Train, access.Download}
}

// Can answers what somebody may do with every model. It refuses what Explain refuses; a rate counts as having room.
func (s *Service) Can(ctx context.Context, caller access.Principal, q Query) (Table, error) {
	who, safe, err := s.subject(ctx, caller, q.Principal, q.IP.IsValid())
	if err != nil {
		return Table{}, err
	}
	if !q.IP.IsValid() && (q.Principal == "" || safe) {
		q.IP = caller.Origin.IP
	}
	if q.At.IsZero() {
		q.At = s.Now()
	}
	out := Table{Principal: q.Principal, At: q.At, PolicyVersion: s.Guard.PolicyVersion()}
	if out.Principal == "" {
		out.Principal = own(caller)
	}
	all, err := s.Models.All(ctx)
	if err != nil {
		return Table{}, err
	}
	for _, m := range all {
		if err := ctx.Err(); err != nil {
			return Table{}, fault.From(err)
		}
		if row, seen := s.row(who, m, q, safe); seen {
			out.Models = append(out.Models, row)
		}
	}
	return out, nil
}

// row answers one model, and whether it may be told of.
func (s *Service) row(who access.Principal, m catalog.Model, q Query, safe bool) (ModelRow, bool) {
	row := ModelRow{ID: m.ID}
	for _, o := range Operations() {
		q.Operation = o
		w := s.Guard.Weigh(question(who, q, m), 1, nil)
		cell := Cell{Allowed: w.Allowed, Reason: w.Reason, RuleID: w.RuleID}
		if safe {
			cell.RuleID = ""
		}
		row.Cells = append(row.Cells, cell)
	}
	if safe && row.Cells[0].Allowed {
		return row, !s.hidden(question(who, q, m))
	}
	return row, !safe
}
