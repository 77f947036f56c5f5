package gpu

import (
	"context"
	"errors"
	"time"
)

// Host is what this machine has: a library that passed its probe, or the reason why models run on the processor.
type Host struct {
	Library *Library // nil = models run on the processor
	Devices []Device // as the probe saw them
	Wanted  int      // layers, or AllLayers
	Why     string   // there is no Library, in half a sentence
	Absent  bool     // because none is installed
}

// Options say where the library is and how it is tried.
type Options struct {
	Dir    string // absolute
	SHA256 string // of its manifest; "" = whichever is there
	Wanted int    // layers, or AllLayers; 0 = nothing is looked at
	Run    Run
	Skip   string // why a library that is there is not tried; "" = it is
	// Deadline bounds the probe; 0 = Deadline.
	Deadline time.Duration
}

// Find checks the library, tries it in a child and answers what may be used. It refuses with an UnsafeError a place that others
// can write to; whatever else keeps a GPU from being used is the Host's Why, and no reason not to start. Who is done with it
// closes the Library, once what passed is loaded.
func Find(ctx context.Context, o Options) (*Host, error) {
	h := &Host{Wanted: o.Wanted}
	if o.Wanted == 0 {
		h.Why = "engine.gpu_layers is 0"
		return h, nil
	}
	l, err := Open(o.Dir, o.SHA256)
	var loose *UnsafeError
	if errors.As(err, &loose) {
		return nil, err
	}
	if err != nil {
		return h.without(err, o.Dir), nil
	}
	if o.Skip != "" {
		h.Why = o.Skip
		return h, l.Close()
	}
	if o.Deadline == 0 {
		o.Deadline = Deadline
	}
	h.Devices, err = Probe(ctx, l, o.Deadline, o.Run)
	if err == nil {
		h.Library = l
		return h, nil
	}
	if end := ctx.Err(); end != nil {
		return nil, errors.Join(end, l.Close())
	}
	h.Why = err.Error()
	return h, l.Close()
}

func (h *Host) without(err error, dir string) *Host {
	h.Why = err.Error()
	if errors.Is(err, ErrAbsent) {
		h.Why, h.Absent = h.Why+" in "+dir, true
	}
	return h
}
