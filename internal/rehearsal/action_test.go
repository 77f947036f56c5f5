package rehearsal_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/rehearsal"
)

// as gives ana a role of these actions.
func (h *house) as(actions ...access.Action) access.Principal {
	h.t.Helper()
	_, _, err := h.guard.PutRole(h.t.Context(), access.System("tester"), "some", access.RoleChange{Actions: actions})
	require.NoError(h.t, err)
	require.NoError(h.t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE users SET role = 'some' WHERE id = 'usr_ana'`)
		return err
	}))
	p := person("ana")
	p.Role = "some"
	return p
}

// A model is used by what its kind is for: who may judge and not talk is refused where the gate would refuse him.
func TestTheActionIsTheKinds(t *testing.T) {
	h := newHouse(t)
	h.enforce("open allow * * *")
	for name, c := range map[string]struct {
		has          access.Action
		guard, chats bool
	}{
		"judges": {access.ModerationRun, true, false},
		"talks":  {access.ChatRun, false, true},
		"looks":  {access.AnalysisView, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.as(access.ModelView, c.has)
			for model, may := range map[string]bool{"m": c.guard, "small-talk": c.chats, "alias-of-small-talk": c.chats} {
				e := h.ask(person("cy"), rehearsal.Query{Principal: "user:ana", Model: model, Operation: access.Infer})
				require.Equal(t, may, e.Allowed, model)
				action := "moderation.run"
				if model != "m" {
					action = "chat.run"
				}
				require.Equal(t, action, e.Steps[0].Action, model)
				require.Equal(t, may, h.ask(p, rehearsal.Query{Model: model, Operation: access.Infer}).Allowed, model)
			}
			table, err := h.Can(t.Context(), p, rehearsal.Query{})
			require.NoError(t, err)
			for _, m := range table.Models {
				may := c.guard
				if m.ID == "small-talk" {
					may = c.chats
				}
				require.Equal(t, may, m.Cells[1].Allowed, m.ID)
			}
		})
	}
}

// What kind a hidden model is of is told by nothing: to everybody it is a model that is not there.
func TestTheKindOfAHiddenModelIsNotTold(t *testing.T) {
	h := newHouse(t)
	h.enforce("closed allow user:usr_bo * *")
	for i, actions := range [][]access.Action{
		{access.ModerationRun},
		{access.ChatRun},
		{access.ModerationRun, access.ChatRun},
		{access.AnalysisView},
		{access.ModelView, access.ModerationRun},
		{access.ModelView, access.ChatRun},
	} {
		p := h.as(actions...)
		for _, op := range rehearsal.Operations() {
			ask := func(model string) rehearsal.Explanation {
				e := h.ask(p, rehearsal.Query{Model: model, Operation: op})
				e.Model = ""
				return e
			}
			gone := ask("never-was")
			for _, model := range []string{"m", "small-talk", "alias-of-small-talk"} {
				require.Equal(t, gone, ask(model), fmt.Sprint(i, op, model))
			}
		}
	}
	e := h.ask(h.as(access.ChatRun), rehearsal.Query{Model: "never-was", Operation: access.Infer})
	require.Equal(t, 404, e.Status, "the address takes either action")
}
