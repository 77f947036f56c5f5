package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
)

// Of the keys that rotations made one from the other the one that was named is asked about while it is good, else the newest
// that is: what is said of a line is what the gate does with it.
func TestAKeyOfALineIsAskedAboutWhileItIsGood(t *testing.T) {
	g := newGate(t, "")
	g.person(t, "ana", "reviewer")
	for i, id := range []string{"key_1", "key_2", "key_3"} {
		g.exec(t, `INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, models, operations, created_by, created_at, line)
			VALUES (?, 'usr_ana', '', '', '', '[]', '[]', '', ?, 'key_1')`, id, i)
	}
	found := func(named string) (key, barred string) {
		p, err := g.guard.PrincipalOf(t.Context(), "key:"+named)
		require.NoError(t, err)
		require.Equal(t, "key_1", p.KeyLine)
		return p.KeyID, p.Barred
	}
	for _, step := range []struct{ change, named, key, barred string }{
		{"", "key_1", "key_1", ""},
		{`UPDATE api_keys SET revoked_at = 1 WHERE id = 'key_3'`, "key_1", "key_1", ""},
		{`UPDATE api_keys SET valid_until = 1 WHERE id = 'key_1'`, "key_1", "key_2", ""},
		{"", "key_3", "key_3", "key_ended"},
		{`UPDATE api_keys SET suspended_at = 1 WHERE id = 'key_2'`, "key_1", "key_1", "key_ended"},
	} {
		if step.change != "" {
			g.exec(t, step.change)
		}
		key, barred := found(step.named)
		require.Equal(t, []string{step.key, step.barred}, []string{key, barred}, "%+v", step)
	}
}

// Whoever is not active cannot come: neither who is disabled nor who was invited and has not come yet.
func TestAnInvitedPersonIsBarred(t *testing.T) {
	g := newGate(t, "")
	g.person(t, "ana", "reviewer")
	g.exec(t, `UPDATE users SET status = 'invited' WHERE id = 'usr_ana'`)
	p, err := g.guard.PrincipalOf(t.Context(), "user:usr_ana")
	require.NoError(t, err)
	require.Equal(t, "account_disabled", p.Barred)
	require.False(t, g.guard.Explain(question(p, access.Infer, "guard-nano"), nil).Allowed)
}
