package review_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
	"guardhouse/internal/review"
)

func TestBegin(t *testing.T) {
	h := newHouse(t, access.Options{})
	var r review.Review
	apptest.RequireRows(t, h.db, 1, func() { r = h.begun() })
	require.Equal(t, review.Open, r.Status)
	require.Equal(t, map[review.Decision]int{review.Undecided: 3}, r.Counts)
	require.Equal(t, "alice", r.CreatedBy)
	row := h.last(1)[0]
	require.Equal(t, "review:"+r.ID, row.Resource)
	require.Equal(t, "begin", row.Details["change"])

	d, err := h.Get(t.Context(), alice(), r.ID, review.ItemFilter{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{"a-rita", "b-nora"}, ids(d))
	require.Equal(t, "rita", d.Items[0].Owner)
	require.False(t, d.Items[0].Mine)
	d, err = h.Get(t.Context(), alice(), r.ID, review.ItemFilter{Limit: 2, Cursor: d.NextCursor})
	require.NoError(t, err)
	require.Equal(t, []string{"c-nobody"}, ids(d))
	require.Empty(t, d.Items[0].Owner)
	require.Empty(t, d.NextCursor)

	all, err := h.Begin(t.Context(), alice(), review.Draft{Title: "All", DueAt: began.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, len(h.guard.Rules()), all.Counts[review.Undecided])
	require.Equal(t, []string{"*"}, all.Rules)
}

func ids(d review.Detail) []string {
	out := []string{}
	for _, it := range d.Items {
		out = append(out, it.RuleID)
	}
	return out
}

func TestBeginRefuses(t *testing.T) {
	h := newHouse(t, access.Options{})
	due := began.Add(time.Hour)
	for name, c := range map[string]struct {
		draft review.Draft
		code  fault.Code
		field string
	}{
		"no title":        {review.Draft{Title: "  ", DueAt: due}, fault.Invalid, "title"},
		"two lines":       {review.Draft{Title: "a\nb", DueAt: due}, fault.Invalid, "title"},
		"turned title":    {review.Draft{Title: "a\u202eb", DueAt: due}, fault.Invalid, "title"},
		"long title":      {review.Draft{Title: strings.Repeat("名", 121), DueAt: due}, fault.Invalid, "title"},
		"past":            {review.Draft{Title: "a", DueAt: began}, fault.Invalid, "due_at"},
		"far":             {review.Draft{Title: "a", DueAt: began.AddDate(3, 0, 0)}, fault.Invalid, "due_at"},
		"empty pattern":   {review.Draft{Title: "a", DueAt: due, Rules: []string{""}}, fault.Invalid, "rules"},
		"long pattern":    {review.Draft{Title: "a", DueAt: due, Rules: []string{strings.Repeat("a", 65)}}, fault.Invalid, "rules"},
		"many patterns":   {review.Draft{Title: "a", DueAt: due, Rules: make([]string, 101)}, fault.Invalid, "rules"},
		"nothing fits it": {review.Draft{Title: "a", DueAt: due, Rules: []string{"zz-*"}}, fault.Unprocessable, "rules"},
	} {
		apptest.RequireRows(t, h.db, 1, func() {
			_, err := h.Begin(t.Context(), alice(), c.draft)
			require.Equal(t, c.code, fault.CodeOf(err), name)
			require.Equal(t, c.field, fault.From(err).Field, name)
		})
	}
	_, err := h.Begin(t.Context(), rita(), review.Draft{Title: "a", DueAt: due})
	refused(t, err, fault.Forbidden)
	for range 20 {
		h.begun()
	}
	_, err = h.Begin(t.Context(), alice(), review.Draft{Title: "a", DueAt: due})
	refused(t, err, fault.Conflict)
}

// An owner sees the reviews of his rules, and in them nothing but his rules; to others there are none.
func TestWhoSeesWhat(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	page, err := h.List(t.Context(), nora(), review.Filter{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, map[review.Decision]int{review.Undecided: 1}, page.Items[0].Counts)
	d, err := h.Get(t.Context(), nora(), r.ID, review.ItemFilter{})
	require.NoError(t, err)
	require.Equal(t, []string{"b-nora"}, ids(d))
	require.True(t, d.Items[0].Mine)

	for _, p := range []access.Principal{who("gus", "guest"), access.Anonymous(access.Origin{})} {
		_, err := h.Get(t.Context(), p, r.ID, review.ItemFilter{})
		refused(t, err, fault.NotFound)
		page, err := h.List(t.Context(), p, review.Filter{})
		require.NoError(t, err)
		require.Empty(t, page.Items)
	}
	_, err = h.Get(t.Context(), alice(), "arv_unknown", review.ItemFilter{})
	refused(t, err, fault.NotFound)
}

func TestListReviews(t *testing.T) {
	h := newHouse(t, access.Options{})
	done, late := h.begun(), h.begun()
	_, err := h.Close(t.Context(), alice(), done.ID)
	require.NoError(t, err)
	_, err = h.Decide(t.Context(), nora(), late.ID, "b-nora", review.Verdict{})
	require.NoError(t, err)
	h.pass(73 * time.Hour)
	open := h.begun()
	list := func(p access.Principal, f review.Filter) (ids []string) {
		for {
			page, err := h.List(t.Context(), p, f)
			require.NoError(t, err)
			for _, r := range page.Items {
				ids = append(ids, r.ID)
				require.True(t, f.Status == "" || r.Status == f.Status, "%s among %s", r.Status, f.Status)
			}
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				return ids
			}
		}
	}
	require.Equal(t, []string{open.ID, late.ID, done.ID}, list(alice(), review.Filter{Limit: 1}))
	require.Equal(t, []string{open.ID}, list(alice(), review.Filter{Status: review.Open}))
	require.Equal(t, []string{late.ID}, list(alice(), review.Filter{Status: review.Overdue}))
	require.Equal(t, []string{done.ID}, list(alice(), review.Filter{Status: review.Closed}))
	require.Equal(t, []string{late.ID}, list(rita(), review.Filter{Status: review.Overdue}))
	require.Equal(t, []string{open.ID, late.ID}, list(nora(), review.Filter{Status: review.Open}), "hers are decided")
	for _, cursor := range []string{"x", "arv_x", open.ID + "0"} {
		_, err := h.List(t.Context(), alice(), review.Filter{Cursor: cursor})
		refused(t, err, fault.Invalid)
	}
}

// The passing of a day leaves one row, in which the undecided rules are counted, whoever asks how often.
func TestOverdueIsWrittenDownOnce(t *testing.T) {
	h := newHouse(t, access.Options{})
	r := h.begun()
	decided := h.begun()
	for _, id := range []string{"a-rita", "b-nora", "c-nobody"} {
		_, err := h.Decide(t.Context(), alice(), decided.ID, id, review.Verdict{})
		require.NoError(t, err)
	}
	apptest.RequireRows(t, h.db, 0, func() { require.NoError(t, h.NoteOverdue(t.Context())) })
	due, err := h.Due(t.Context(), began.Add(96*time.Hour))
	require.NoError(t, err)
	require.Equal(t, review.Due{Reviews: 1, Rules: 3, First: r.DueAt}, due)
	none, err := h.Due(t.Context(), began.Add(71*time.Hour))
	require.NoError(t, err)
	require.Zero(t, none)

	h.pass(72 * time.Hour)
	apptest.RequireRows(t, h.db, 1, func() {
		for range 3 {
			require.NoError(t, h.NoteOverdue(t.Context()))
		}
	})
	row := h.last(1)[0]
	require.Equal(t, "review:"+r.ID, row.Resource)
	require.Equal(t, "server:reviews", row.Actor.Name)
	require.Equal(t, "overdue", row.Details["change"])
	require.Equal(t, "3", fmt.Sprint(row.Details["open"]))
	due, err = h.Due(t.Context(), h.now())
	require.NoError(t, err)
	require.Equal(t, review.Due{Reviews: 1, Rules: 3, Overdue: 1, First: r.DueAt}, due)
	_, err = h.Close(t.Context(), alice(), r.ID)
	require.NoError(t, err)
	due, err = h.Due(t.Context(), h.now())
	require.NoError(t, err)
	require.Zero(t, due)
}
