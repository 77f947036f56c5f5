package doctor

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/inference"
)

// chosenKey is where a server notes how it laid its models out.
const chosenKey = "engine_chosen"

// engine says how models are laid out on this machine: by trying it, where that was asked for and no server runs on the
// folder, else as the last server noted it. Memory is held against what there is.
func (d *doctor) engine(ctx context.Context, look *db.DB) {
	const name = "engine"
	if d.o.Engine != nil && !d.served() {
		d.tryEngine(ctx, look)
		return
	}
	if d.o.Engine != nil {
		d.warn(name, "a server runs on this folder: trying beside it would slow both down and measure neither", "what it chose itself follows; stop it to try again").as("engine_busy")
	}
	all, err := chosen(ctx, look)
	if err != nil {
		d.warn(name, "what the server noted cannot be read: "+said(err), "restart the server: it notes it again").as("engine_unread", "error", said(err))
		return
	}
	for _, c := range all {
		d.laidOut(c, "as the server chose at "+c.At.UTC().Format("2006-01-02 15:04:05Z"), d.served())
	}
	if len(all) == 0 {
		d.ok(name, "nothing was chosen yet: a server does when it starts, and guardhouse doctor --engine tries it").as("engine_none")
	}
}

func chosen(ctx context.Context, look *db.DB) (all []inference.Chosen, err error) {
	var text string
	err = look.ReadSQL().QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", chosenKey).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal([]byte(text), &all)
}

// laidOut is one model's line. held says that its memory is taken already.
func (d *doctor) laidOut(c inference.Chosen, how string, held bool) {
	const name = "engine"
	detail := c.Model + " " + how + ", at most " + bytesText(uint64(max(0, c.Memory)))
	if room := d.memoryRoom(); !held && room > 0 && uint64(max(0, c.Memory)) > room {
		d.warn(name, fmt.Sprintf("%s of memory, and %s is available", detail, bytesText(room)), "free some, raise the container's limit, or lower engine.slots or engine.batch").as("engine_memory", "model", c.Model, "bytes", max(0, c.Memory), "room", whole(room))
		return
	}
	d.ok(name, detail+" of memory", c.Lines...).as("engine", "model", c.Model, "bytes", max(0, c.Memory), "at", c.At.UTC().Format(time.RFC3339))
}

// tryEngine loads the default guard as a server would, and lets it go again.
func (d *doctor) tryEngine(ctx context.Context, look *db.DB) {
	const name = "engine"
	all, err := catalog.New(look, nil, catalog.Options{ModelsDir: d.o.ModelsDir}).All(ctx)
	if err != nil {
		d.fail(name, "the catalogue cannot be read: "+said(err), "restore a backup").as("models_unread", "error", said(err))
		return
	}
	for _, m := range all {
		if !m.Default {
			continue
		}
		c, err := d.tryModel(ctx, m)
		if err != nil {
			d.fail(name, m.ID+" cannot be loaded: "+said(err), "look at the engine settings and the memory there is").as("engine_refused", "model", m.ID, "error", said(err))
			return
		}
		d.laidOut(c, "as tried now", true)
	}
}

func (d *doctor) tryModel(ctx context.Context, m catalog.Model) (c inference.Chosen, err error) {
	f, err := catalog.New(nil, nil, catalog.Options{ModelsDir: d.o.ModelsDir}).Open(ctx, m)
	if err != nil {
		return c, err
	}
	defer f.Close() //nolint:errcheck // read only
	g, err := f.Guard(m)
	if err != nil {
		return c, err
	}
	spec := d.o.Spec
	spec.ModelID, spec.File, spec.Temperature, spec.Measure = m.ID, f.File, g.Temperature(), true
	spec.SlotTokens = min(g.Window, spec.SlotTokens) + g.Overhead()
	model, err := d.o.Engine.Load(ctx, spec)
	if err != nil {
		return c, err
	}
	what := model.Describe()
	return inference.Chosen{Model: m.ID, At: d.o.Now(), Memory: what.Memory.Total(), Lines: what.Lines()}, model.Close()
}
