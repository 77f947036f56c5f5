package app

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/overview"
	"guardhouse/internal/request"
	"guardhouse/internal/review"
	"guardhouse/internal/usage"
)

// openRequests builds what people ask for access by, what owners look rules over with, and what says how much was used.
func (a *App) openRequests() {
	a.Requests = request.New(request.Deps{DB: a.DB, Guard: a.Guard, Models: a.infers, Now: a.now})
	a.Reviews = review.New(review.Deps{DB: a.DB, Guard: a.Guard, Show: a.Policy.Shown, Now: a.now, Log: a.log})
	a.Usage = usage.New(a.DB, a.Guard, a.now)
}

// undecided answers what waits for somebody who manages rules.
func (a *App) undecided(ctx context.Context, before time.Time) (overview.Undecided, error) {
	asked, err := a.Requests.Waiting(ctx)
	if err != nil {
		return overview.Undecided{}, err
	}
	due, err := a.Reviews.Due(ctx, before)
	return overview.Undecided{
		Requests: asked.Count, Oldest: asked.Since, Reviews: due.Reviews, Rules: due.Rules, Passed: due.Overdue, Due: due.First,
	}, err
}

// infers answers what it takes to use each model there is, whoever may see it.
func (a *App) infers(ctx context.Context) (map[string]access.Action, error) {
	list, err := a.Catalog.All(ctx)
	if err != nil {
		return nil, err
	}
	takes := make(map[string]access.Action, len(list))
	for _, m := range list {
		takes[m.ID] = catalog.Runs(m.Kind)
	}
	return takes, nil
}
