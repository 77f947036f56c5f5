package events

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// stateGone is the state of a model that is no longer there, or no longer to be seen.
const stateGone = "gone"

// states is what the hub saw of policy and models when it last looked; replaced whole, never changed.
type states struct {
	policy int64
	models []catalog.Model
}

// look wakes the streams where the policy or a model's state has moved.
func (h *Hub) look(ctx context.Context) {
	models, err := h.d.Models.All(ctx)
	if err != nil {
		if ctx.Err() == nil {
			h.o.Log.Error("reading the models for event streams", "err", err)
		}
		return
	}
	now, at := states{h.d.Guard.PolicyVersion(), models}, h.o.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if at.Sub(h.moved) < progressEvery {
		now.models = calm(now.models, h.states.models)
	}
	if !now.equal(h.states) {
		h.states, h.moved = now, at
		h.wakeAll()
	}
}

// calm answers the models with their old progress where nothing else has moved: a busy log would tell it too often.
func calm(now, before []catalog.Model) []catalog.Model {
	now = slices.Clone(now)
	for i := range now {
		for _, b := range before {
			if b.ID == now[i].ID && b.State == now[i].State {
				now[i].Stage, now[i].Progress = b.Stage, b.Progress
			}
		}
	}
	return now
}

// sight is what a stream tells of a model. Progress is told in hundredths: nobody sees more.
type sight struct {
	state, stage string
	percent      int
	revision     uint64
}

func seen(m catalog.Model) sight {
	return sight{m.State, m.Stage, int(m.Progress * 100), m.Revision}
}

// modelEvent is a sight as it stands on the wire.
type modelEvent struct {
	ID       string   `json:"id"`
	State    string   `json:"state"`
	Stage    string   `json:"stage,omitempty"`
	Progress *float64 `json:"progress,omitempty"`
	Revision uint64   `json:"revision,omitempty"`
}

func (s sight) event(id string) modelEvent {
	e := modelEvent{ID: id, State: s.state, Stage: s.stage, Revision: s.revision}
	if s.state == catalog.StateLoading {
		part := float64(s.percent) / 100
		e.Progress = &part
	}
	return e
}

func (s states) equal(o states) bool {
	if s.policy != o.policy || len(s.models) != len(o.models) {
		return false
	}
	for i := range s.models {
		if s.models[i].ID != o.models[i].ID || seen(s.models[i]) != seen(o.models[i]) {
			return false
		}
	}
	return true
}

// told is what a stream's reader knows of the states.
type told struct {
	policy int64
	models map[string]sight // by id
}

// news answers what p has to be told, and remembers that it was. What p may not see is gone to it.
func (t *told) news(h *Hub, p access.Principal) ([]Event, error) {
	var out []Event
	add := func(kind string, v any) error {
		data, err := json.Marshal(v)
		if err != nil {
			return fault.Wrap(err, fault.Internal, "an event cannot be encoded")
		}
		out = append(out, Event{Type: kind, Data: data})
		return nil
	}
	if v := h.d.Guard.PolicyVersion(); v != t.policy {
		t.policy = v
		if err := add(TypePolicy, map[string]int64{"version": v}); err != nil {
			return nil, err
		}
	}
	now := h.visible(p)
	for id := range t.models {
		if _, there := now[id]; !there {
			if err := add(TypeModels, modelEvent{ID: id, State: stateGone}); err != nil {
				return nil, err
			}
		}
	}
	for id, s := range now {
		if t.models[id] != s {
			if err := add(TypeModels, s.event(id)); err != nil {
				return nil, err
			}
		}
	}
	t.models = maps.Clone(now)
	return out, nil
}

// visible answers the states of the models that p's list of models would have.
func (h *Hub) visible(p access.Principal) map[string]sight {
	out := map[string]sight{}
	if !h.d.Guard.Can(p, access.ModelView) {
		return out
	}
	h.mu.RLock()
	models := h.states.models
	h.mu.RUnlock()
	ids := make([]string, len(models))
	all := make(map[string]sight, len(models))
	for i, m := range models {
		ids[i], all[m.ID] = m.ID, seen(m)
	}
	for _, id := range h.d.Guard.VisibleModels(p, ids) {
		out[id] = all[id]
	}
	return out
}
