package review

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

// Filter narrows the list of reviews.
type Filter struct {
	Status Status
	Limit  int // 0 = 50
	Cursor string
}

// ItemFilter narrows the rules of one review.
type ItemFilter struct {
	Decision Decision
	Limit    int // 0 = 50
	Cursor   string
}

// List answers all reviews to a holder of acl.manage, and to others those in which a rule of theirs is looked over, newest
// first.
func (s *Service) List(ctx context.Context, p access.Principal, f Filter) (Page, error) {
	owner, ok := s.sight(p)
	if !ok {
		return Page{Items: []Review{}}, nil
	}
	q := query{owner: owner, status: f.Status, at: s.d.Now().UnixMilli(), limit: f.Limit, before: f.Cursor}
	if err := q.check(); err != nil {
		return Page{}, err
	}
	rows, err := list(ctx, s.d.DB, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Items: make([]Review, 0, len(rows))}
	if len(rows) > q.limit {
		rows = rows[:q.limit]
		page.NextCursor = rows[q.limit-1].ID
	}
	page.Items, err = s.reviews(ctx, owner, rows)
	return page, err
}

// Get answers one review with a page of the rules that the caller sees in it; NotFound where that is none.
func (s *Service) Get(ctx context.Context, p access.Principal, id string, f ItemFilter) (Detail, error) {
	owner, ok := s.sight(p)
	if !ok {
		return Detail{}, unknown()
	}
	limit, err := checkLimit(f.Limit)
	if err != nil {
		return Detail{}, err
	}
	if len(f.Cursor) > maxPattern {
		return Detail{}, foreignCursor()
	}
	r, ok, err := get(s.d.DB.Read(ctx), id)
	if err != nil || !ok {
		return Detail{}, orUnknown(err)
	}
	list, err := s.reviews(ctx, owner, []row{r})
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Review: list[0]}
	if owner != "" && total(d.Review.Counts) == 0 {
		return Detail{}, unknown()
	}
	rows, err := items(s.d.DB.Read(ctx), itemQuery{review: id, owner: owner, decision: f.Decision, limit: limit + 1, after: f.Cursor})
	if err != nil {
		return Detail{}, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		d.NextCursor = rows[limit-1].RuleID
	}
	d.Items, err = s.items(ctx, p, rows)
	return d, err
}

func total(counts map[Decision]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// reviews counts what owner sees of each.
func (s *Service) reviews(ctx context.Context, owner string, rows []row) ([]Review, error) {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	by, err := counts(s.d.DB.Read(ctx), owner, ids)
	out := make([]Review, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].review(s.d.Now(), by[rows[i].ID]))
	}
	return out, err
}

func (r *row) review(now time.Time, counts map[Decision]int) Review {
	out := Review{
		ID: r.ID, Title: r.Title, Rules: r.patterns(), DueAt: time.UnixMilli(r.DueAt).UTC(), CreatedAt: time.UnixMilli(r.CreatedAt).UTC(),
		ClosedAt: moment(r.ClosedAt), CreatedBy: r.CreatedName, ClosedBy: r.ClosedName, Status: Open, Counts: counts,
	}
	switch {
	case r.ClosedAt != nil:
		out.Status = Closed
	case r.DueAt <= now.UnixMilli() && counts[Undecided]+counts[Asked] > 0:
		out.Status = Overdue
	}
	return out
}

// Close ends a review for a holder of acl.manage; what nobody decided about stays open in its record. NotFound for an unknown
// one, Conflict for one that is closed.
func (s *Service) Close(ctx context.Context, p access.Principal, id string) (_ Review, err error) {
	pass, err := s.d.Guard.Enter(ctx, p, access.Op{Action: access.ACLManage, Resource: target(cut(id))})
	if err != nil {
		return Review{}, err
	}
	defer pass.Close(&err)
	e := ending{s: s, p: p, id: id}
	if _, err = pass.Commit(ctx, access.Outcome{Check: e.check}, e.store); err != nil {
		return Review{}, err
	}
	d, err := s.Get(context.WithoutCancel(ctx), p, id, ItemFilter{Limit: 1})
	return d.Review, err
}

func closed() error { return fault.New(fault.Conflict, "The review is closed.") }
