package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/doctor"
)

// statesFile is where the server of a data folder tells commands beside it how its models are: in which state, and how far a load
// is. It counts only while serving.json is locked, and of a model only what is as new as what the command asked for.
const statesFile = "models.json"

// mostStates bounds what is read of it.
const mostStates = 4 << 20

// ModelState is one model as the server has it.
type ModelState struct {
	ID       string  `json:"id"`
	State    string  `json:"state"`
	Code     string  `json:"code"`
	Reason   string  `json:"reason"`
	Stage    string  `json:"stage"`
	Progress float64 `json:"progress"`
	Default  bool    `json:"default"`
	Pending  bool    `json:"pending"` // it is to be the default, and nothing is decided yet
	AskedAt  int64   `json:"asked_at"`
}

func stateOf(m catalog.Model) ModelState {
	return ModelState{m.ID, m.State, m.StateCode, m.StateReason, m.Stage, m.Progress, m.Default, m.Follows != "" && !m.GivenUp, m.AskedAt}
}

// noteStates writes down how the models are, where that differs from what was written last, and answers what is written now. It is
// for commands alone: what fails here is tried again at the next look and stops nothing.
func (a *App) noteStates(ctx context.Context, noted string) string {
	states, err := a.states(ctx)
	if err != nil {
		return noted
	}
	text, err := json.Marshal(states)
	if err != nil || string(text) == noted {
		return noted
	}
	path := filepath.Join(a.Config.Data, statesFile)
	if err := writeBeside(path, text, a.Config.Data); err != nil {
		a.log.Warn("writing down how the models are", "err", err)
		return noted
	}
	return string(text)
}

// states answers how this process has its models.
func (a *App) states(ctx context.Context) ([]ModelState, error) {
	all, err := a.Catalog.All(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]ModelState, len(all))
	for i, m := range all {
		states[i] = stateOf(m)
	}
	return states, nil
}

// writeBeside puts a new file in the place of the one before.
func writeBeside(path string, text []byte, data string) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close(), db.MatchOwner(path+".new", data)); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// FollowModel tells how the server brings a model where it was asked to, until done says that it has; served is false where no
// server runs. It ends with ctx's error.
func (a *App) FollowModel(ctx context.Context, m catalog.Model, done func(ModelState) bool, told func(ModelState)) (served bool, err error) {
	tick := time.NewTicker(refreshEvery / 2)
	defer tick.Stop()
	for {
		runs, err := a.Served()
		if err != nil || !runs {
			return false, err
		}
		st, ok, err := readState(a.Config.Data, m.ID)
		if err != nil {
			return true, err
		}
		if ok && st.AskedAt >= m.AskedAt {
			if told(st); done(st) {
				return true, nil
			}
		}
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-tick.C:
		}
	}
}

// Served reports whether a server has the data folder.
func (a *App) Served() (bool, error) {
	_, found, err := served(a.Config.Data)
	return found, err
}

// ModelStates answers how the models are on the server that has the data folder; served is false where none runs.
func (a *App) ModelStates() (states map[string]ModelState, served bool, err error) {
	if served, err = a.Served(); err != nil || !served {
		return nil, false, err
	}
	all, err := readStates(a.Config.Data)
	states = make(map[string]ModelState, len(all))
	for _, st := range all {
		states[st.ID] = st
	}
	return states, true, err
}

// doctorStates are states as the doctor takes them.
func doctorStates(all []ModelState) []doctor.ModelState {
	out := make([]doctor.ModelState, len(all))
	for i, st := range all {
		out[i] = doctor.ModelState{ID: st.ID, State: st.State, Code: st.Code, Reason: st.Reason, Default: st.Default}
	}
	return out
}

func readState(data, id string) (ModelState, bool, error) {
	all, err := readStates(data)
	i := slices.IndexFunc(all, func(st ModelState) bool { return st.ID == id })
	if err != nil || i < 0 {
		return ModelState{}, false, err
	}
	return all[i], true, nil
}

// readStates answers what the server wrote down last, nothing where it did not yet.
func readStates(data string) (all []ModelState, err error) {
	f, err := os.OpenFile(filepath.Join(data, statesFile), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, mostStates))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}
