package doctor

import (
	"context"
	"strconv"
)

// sandbox says what would hold a model file of unknown origin while it is tried.
func (d *doctor) sandbox(ctx context.Context) {
	const name, do = "sandbox", "import models on a machine that has it, or allow seccomp in the container"
	if d.o.Guards == nil {
		return
	}
	g, err := d.o.Guards(ctx)
	switch {
	case d.tooLate(ctx, name):
	case err != nil:
		d.warn(name, "the child in which models are tried cannot be started: "+said(err), "look at the limits on processes").as("sandbox_unknown", "error", said(err))
	case !g.NoNewPrivs || !g.Seccomp:
		d.warn(name, "this kernel or container lacks seccomp: no model can be imported", do).as("sandbox_none")
	case g.Landlock == 0:
		d.warn(name, "models are tried in a child with seccomp; this kernel has no Landlock, so that it could read files, and tell nobody",
			"use Linux 5.13 or newer with Landlock switched on (lsm=landlock,…)").as("sandbox_weaker")
	default:
		d.ok(name, "models are tried in a child with seccomp and Landlock "+strconv.Itoa(g.Landlock)).as("sandbox", "version", int64(g.Landlock))
	}
}
