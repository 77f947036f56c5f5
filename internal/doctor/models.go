package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/models"
)

// models hashes every model that the catalogue lists, as the server does before it loads one.
func (d *doctor) models(ctx context.Context, look *db.DB) {
	const name = "models"
	all, err := catalog.New(look, nil, catalog.Options{ModelsDir: d.o.ModelsDir}).All(ctx)
	if err != nil {
		d.fail(name, "the catalogue cannot be read: "+said(err), "restore a backup").as("models_unread", "error", said(err))
		return
	}
	good, large, hasDefault, told := 0, 0, false, map[string]bool{}
	for _, m := range all {
		hasDefault = hasDefault || m.Default
		if d.o.HashMost > 0 && m.SizeBytes > d.o.HashMost {
			large++
			continue
		}
		if why := d.wrong(ctx, m); why != "" {
			if d.tooLate(ctx, name) {
				return
			}
			told[m.ID] = true
			d.fail(name, m.ID+": "+why, putBack(m)).as("model_wrong", "model", m.ID, "error", why).run(d.guardhouse("model import FILE --id " + shell(m.ID) + " --allow role:ROLE"))
			continue
		}
		good++
	}
	d.states(told)
	if !hasDefault {
		d.warn(name, "there is no default guard", "start the server: it puts its own guard back").as("models_no_default")
	}
	if p, err := catalog.LastProven(ctx, look); err == nil && p.GaveUp != "" {
		d.warn(name, fmt.Sprintf("%s was to be the default guard and did not prove itself (%s): %s goes on judging", p.GaveUp, p.Reason, p.ID),
			"mend what its page says and start the server again, or name "+p.ID+" in models.default").as("models_given_up", "model", p.GaveUp, "default", p.ID, "reason", p.Reason)
	}
	if large > 0 {
		d.ok(name, fmt.Sprintf("%s too large to hash beside a server that works: it did when it loaded them", count(uint64(large), "model"))).as("models_large", "count", int64(large))
	}
	if good > 0 {
		d.ok(name, fmt.Sprintf("%s with the hash that the catalogue has", count(uint64(good), "model"))).as("models", "count", int64(good))
	}
}

// putBack says how a model's file comes back. Without --allow an id that is taken is refused; with it nobody is let in who may not use
// the model, where a role that may is named.
func putBack(m catalog.Model) string {
	return "import the same file again, naming a role that may use it: guardhouse model import FILE --id " + m.ID + " --allow role:ROLE"
}

// wrong says why a model would not be loaded, "" when its bytes are those that were imported.
func (d *doctor) wrong(ctx context.Context, m catalog.Model) string {
	if m.Origin == catalog.OriginEmbedded {
		for _, e := range manifest() {
			if e.ID == m.ID {
				return embedded(e)
			}
		}
		return "" // of another release: the server puts its own in its place
	}
	f, err := catalog.New(nil, nil, catalog.Options{ModelsDir: d.o.ModelsDir}).Open(ctx, m)
	if err != nil {
		return said(err)
	}
	_ = f.Close() // read only
	return ""
}

func manifest() []models.Entry {
	entries, err := models.Manifest()
	if err != nil {
		return nil // a release that cannot read its own manifest does not start: nothing here can be right or wrong
	}
	return entries
}

// embedded holds the program's own bytes against its own manifest: a program file that was tampered with. A row of another
// release is no fault, the server replaces it.
func embedded(e models.Entry) string {
	data, ok := models.Bytes(e.File)
	if !ok {
		return "this program does not hold it"
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 {
		return "the program file is damaged: its model is not the one it was built with"
	}
	return ""
}
