package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"guardhouse/internal/db"
	"guardhouse/internal/settings"
)

// stored says which values of the console are not in force: the server starts without them, and nobody should have to guess.
func (d *doctor) stored(ctx context.Context, look *db.DB) {
	if d.o.Stored == nil {
		return
	}
	const name = "settings"
	values, err := settings.Read(ctx, look)
	if err != nil {
		d.fail(name, "those that the console stored cannot be read: "+said(err), "restore a backup: guardhouse restore FILE --replace keeps this one aside").as("settings_unreadable", "error", said(err))
		return
	}
	problems := d.o.Stored(values)
	for _, key := range slices.Sorted(maps.Keys(problems)) {
		d.warn(name, fmt.Sprintf("%s was stored in the console and is not in force: it %s", key, problems[key]),
			"guardhouse settings reset "+key+", or set it to a value that this release takes").
			as("settings_stored", "key", key, "error", problems[key].Error()).run(d.guardhouse("settings reset " + shell(key)))
	}
}
