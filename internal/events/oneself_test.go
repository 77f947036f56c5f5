package events

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
)

// Who changes his own password or name changed an account; who ends his sessions did not.
func TestAnOwnChangeIsAUserEvent(t *testing.T) {
	for name, tc := range map[string]struct {
		action   access.Action
		decision string
		change   any
		told     bool
	}{
		"own password":         {access.SessionOwn, audit.Allow, "password", true},
		"own profile":          {access.SessionOwn, audit.Allow, "profile", true},
		"own sessions ended":   {access.SessionOwn, audit.Allow, "end_sessions", false},
		"refused":              {access.SessionOwn, audit.Deny, "password", false},
		"by administration":    {access.UserManage, audit.Allow, "role", true},
		"nothing said of what": {access.SessionOwn, audit.Allow, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			ev := audit.Event{Action: string(tc.action), Decision: tc.decision, Resource: "user:usr_1", Actor: audit.Actor{ID: "usr_1"}, Details: map[string]any{}}
			if tc.change != nil {
				ev.Details["change"] = tc.change
			}
			hi, err := hintOf(ev)
			require.NoError(t, err)
			require.Equal(t, tc.told, hi != nil)
			if tc.told {
				require.Equal(t, TypeUser, hi.kind)
				require.Equal(t, "usr_1", hi.whose)
				require.JSONEq(t, `{"id":"usr_1"}`, string(hi.data))
			}
		})
	}
}
