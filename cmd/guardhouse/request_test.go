package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/request"
)

// What people ask for on the console is decided on the command line too, and the rule that it makes is looked over there.
func TestRequestsAndReviewsOnTheCommandLine(t *testing.T) {
	data := folder(t)
	on(t, data, exitGood, password, "user", "create", "rita", "--role", "reviewer", "--password-stdin")
	a := opened(t, data)
	u, err := a.Auth.UserByName(t.Context(), "rita")
	require.NoError(t, err)
	rita := access.Principal{Kind: access.KindUser, UserID: u.ID, Name: "rita", Role: "reviewer"}
	until := time.Now().Add(72 * time.Hour)
	ask := func(model string) string {
		r, err := a.Requests.Submit(t.Context(), rita, request.Wish{Model: model, Purpose: "triage", Until: until})
		require.NoError(t, err)
		return r.ID
	}
	granted, declined := ask("guard-nano"), ask("guard-nine")

	require.Contains(t, on(t, data, exitGood, "", "request", "list", "--status", "open").out, granted)
	items, _ := parsed(t, on(t, data, exitGood, "", "request", "list", "--json"))["items"].([]any)
	require.Len(t, items, 2)
	on(t, data, exitUsage, "", "request", "list", "--status", "late")
	on(t, data, exitUsage, "", "request", "approve", granted, "--until", "soon")
	on(t, data, exitUsage, "", "request", "decline", declined)
	on(t, data, exitFailed, "", "request", "approve", declined)
	on(t, data, exitGood, "", "request", "decline", declined, "--reason", "there is none")
	done := parsed(t, on(t, data, exitGood, "", "request", "approve", granted, "--json"))
	require.Equal(t, "approved", done["status"])
	on(t, data, exitFailed, "", "request", "approve", granted)

	on(t, data, exitUsage, "", "review", "begin", "--title", "Quarter")
	rule, _ := done["rule_id"].(string)
	begun := parsed(t, on(t, data, exitGood, "", "review", "begin", "--title", "Quarter", "--due", until.Format(time.DateOnly), "--rules", rule, "--json"))
	id, _ := begun["id"].(string)
	require.Contains(t, on(t, data, exitGood, "", "review", "list").out, id)
	require.Contains(t, on(t, data, exitGood, "", "review", "show", id).out, rule)
	require.Equal(t, "kept "+rule+"\n", on(t, data, exitGood, "", "review", "keep", id, rule).out)
	require.Equal(t, "removed "+rule+"\n", on(t, data, exitGood, "", "review", "remove", id, rule, "--note", "done with").out)
	require.Contains(t, on(t, data, exitGood, "", "review", "close", id).out, "1 removed")
	on(t, data, exitFailed, "", "review", "close", id)
}

func TestUsageOnTheCommandLine(t *testing.T) {
	data := folder(t)
	u := parsed(t, on(t, data, exitGood, "", "usage", "ALICE", "--json"))
	require.Equal(t, "alice", u["name"])
	require.Contains(t, on(t, data, exitGood, "", "usage", "alice").out, "compute_seconds")
	require.Contains(t, on(t, data, exitGood, "", "usage", "alice").out, "A running server may have one from its own environment.")
	on(t, data, exitUsage, "", "usage")
	on(t, data, exitUsage, "", "usage", "alice", "--key", "key_1")
	on(t, data, exitFailed, "", "usage", "nobody")
	on(t, data, exitFailed, "", "usage", "--key", "key_unknown")
}
