package app

import (
	"context"
	"fmt"
	"time"

	"guardhouse/internal/alert"
)

// Finding answers what the server's last full check found wrong with the log and since when, "" where it found nothing. It stands in
// the database, for commands that run beside the server or after it.
func (a *App) Finding(ctx context.Context) (finding string, since time.Time, err error) {
	open, err := a.Alerts.Open(ctx)
	for _, o := range open {
		if o.Kind == alert.ChainBroken {
			return fmt.Sprint(o.Details["finding"]), o.RaisedAt, err
		}
	}
	return "", time.Time{}, err
}
