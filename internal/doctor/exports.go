package doctor

import (
	"context"
	"fmt"

	"guardhouse/internal/db"
	"guardhouse/internal/export"
)

// exports looks at the folder that scheduled exports go to and at how the last of each went. Without a schedule there is
// nothing to say.
func (d *doctor) exports(ctx context.Context, look *db.DB) {
	const name = "exports"
	if behind, err := look.Behind(ctx); err != nil || behind {
		return // the check of the database says so
	}
	list, err := export.ReadSchedules(ctx, look)
	if err != nil {
		d.fail(name, "the schedules cannot be read: "+said(err), "restore a backup: guardhouse restore FILE --replace keeps this one aside").as("exports_unreadable", "error", said(err))
		return
	}
	if len(list) == 0 {
		return
	}
	if d.o.Exports != nil {
		if err := d.o.Exports(); err != nil {
			why := export.WhyOf(err)
			d.fail(name, "nothing can be written: "+why, "set audit.export_dir to a folder of the server's own, outside its data, that nobody else can write to").as("exports_folder", "why", why)
			return
		}
	}
	before := len(d.report.Checks)
	for _, sc := range list {
		if sc.Failures > 0 {
			d.warn(name, fmt.Sprintf("%s has failed %d times: %s", sc.Name, sc.Failures, sc.FailedWhy), "see its rows in the audit log").as("exports_failing", "name", sc.Name, "count", int64(sc.Failures), "why", sc.FailedWhy)
		}
	}
	if len(d.report.Checks) == before {
		d.ok(name, count(uint64(len(list)), "schedule")+" in order").as("exports", "count", int64(len(list)))
	}
}
