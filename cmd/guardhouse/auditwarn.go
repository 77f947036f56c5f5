package main

import (
	"context"
	"fmt"

	"guardhouse/internal/app"
)

// warnOfFinding says on stderr, before something is signed over the log, that the server's last full check found something wrong
// with it. Nothing is stopped: whoever looks into it needs the rows.
func (sh *shared) warnOfFinding(ctx context.Context, a *app.App) error {
	finding, since, err := a.Finding(ctx)
	if err == nil && finding != "" {
		fmt.Fprintf(sh.err, "warning: since %s the server's full check of the log finds something wrong (%s): guardhouse audit verify says what, and what to do\n",
			when(&since), printable(finding))
	}
	return err
}
