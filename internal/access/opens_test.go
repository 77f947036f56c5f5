package access_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/rule"
)

// opening is a line of testdata/opens.json, which the console's tests read too: it asks before the server does.
type opening struct {
	Name, Default string
	Before, After json.RawMessage
	Opens         bool
}

func (o opening) rules(t *testing.T, text json.RawMessage) []rule.Rule {
	t.Helper()
	if string(text) == "null" {
		return nil
	}
	r, err := rule.ParseJSON(text)
	require.NoError(t, err, o.Name)
	r.ID = "one"
	return []rule.Rule{r}
}

// replace makes rules and default the whole policy, as p.
func (g gate) replace(p access.Principal, w access.PolicyWrite) (err error) {
	pass, err := g.guard.Enter(context.Background(), p, access.Op{Action: access.ACLManage})
	if err != nil {
		return err
	}
	defer pass.Close(&err)
	_, err = g.guard.PutPolicy(context.Background(), pass, 0, func(*db.Tx, access.Policy) (access.PolicyWrite, error) { return w, nil })
	return err
}

// Whoever finds an open console lets nobody into a model, and may always close one.
func TestWhatOpensAModelAsksForThePassword(t *testing.T) {
	data, err := os.ReadFile("testdata/opens.json")
	require.NoError(t, err)
	var lines []opening
	require.NoError(t, json.Unmarshal(data, &lines))
	g := newGate(t, "")
	admin := g.person(t, "alice", "admin")
	g.exec(t, `INSERT INTO groups (id, name, name_key, created_at) VALUES ('grp_1', 'ward', 'ward', 0)`)
	g.exec(t, `INSERT INTO api_keys (id, user_id, label, prefix, secret_hash, created_by, created_at) VALUES ('key_1', 'usr_alice', '', '', '', '', 0)`)
	page := admin
	page.Unconfirmed = true
	for _, o := range lines {
		before := access.PolicyWrite{Rules: o.rules(t, o.Before), Default: o.Default}
		after := access.PolicyWrite{Rules: o.rules(t, o.After), Default: o.Default}
		require.NoError(t, g.replace(admin, before), o.Name)
		tried := after
		tried.DryRun = true
		require.NoError(t, g.replace(page, tried), "%s: what changes nothing is not asked about", o.Name)
		version := g.guard.PolicyVersion()
		err := g.replace(page, after)
		if !o.Opens {
			require.NoError(t, err, o.Name)
			continue
		}
		require.Equal(t, fault.ConfirmationRequired, fault.CodeOf(err), o.Name)
		require.Equal(t, version, g.guard.PolicyVersion(), o.Name)
		rows := g.events(t)
		require.Equal(t, audit.Deny, rows[len(rows)-1].Decision)
		require.Equal(t, "confirmation_required", rows[len(rows)-1].Reason)
		require.NoError(t, g.replace(admin, after), "%s: typed, it is done", o.Name)
	}
	require.NoError(t, g.replace(admin, access.PolicyWrite{Default: "deny"}))
	require.Equal(t, fault.ConfirmationRequired, fault.CodeOf(g.replace(page, access.PolicyWrite{Default: "allow"})), "the default")
	require.NoError(t, g.replace(admin, access.PolicyWrite{Default: "allow"}))
	require.NoError(t, g.replace(page, access.PolicyWrite{Default: "deny"}))
	g.verify(t)
}

// randomRule answers a rule out of few words, so that two of them often meet.
func randomRule(r *rand.Rand, id string) rule.Rule {
	pick := func(words ...string) (out []string) {
		for _, w := range words {
			if r.IntN(2) == 0 {
				out = append(out, w)
			}
		}
		return append(out, words[r.IntN(len(words))])
	}
	x := rule.Rule{ID: id, Allow: r.IntN(3) > 0, ReportOnly: r.IntN(5) == 0, Models: pick("m", "n", "m*", "*")}
	for _, p := range pick("role:nurse", "user:u", "key:k", "any:") {
		kind, ref, _ := strings.Cut(p, ":")
		x.Principals = append(x.Principals, rule.Principal{Kind: kind, Ref: ref})
	}
	for _, o := range pick("view", "infer", "*") {
		x.Operations = append(x.Operations, rule.Operation(o))
	}
	c := &x.Conditions
	for _, p := range pick("10.0.0.0/8", "192.0.2.0/24") {
		if r.IntN(3) == 0 {
			c.IPRanges = append(c.IPRanges, netip.MustParsePrefix(p))
		}
	}
	if x.Allow && r.IntN(4) == 0 {
		c.Rate = &rule.Rate{N: int64(1 + r.IntN(3)), Per: time.Minute, Spelling: fmt.Sprint(r.IntN(3), "/min")}
	}
	if r.IntN(4) == 0 {
		c.Until = midnight.AddDate(0, 0, 1+r.IntN(3))
	}
	if r.IntN(4) == 0 {
		c.From = midnight.AddDate(0, 0, -r.IntN(3))
	}
	c.Purpose = r.IntN(4) == 0
	return x
}

var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant in all but type

// freely answers how freely a decision admits: not at all, with room, at once.
func freely(d rule.Decision) int {
	switch {
	case d.Allowed:
		return 2
	case d.IfRoom:
		return 1
	}
	return 0
}

// TestWhatIsNotAskedAboutOpensNothing holds the question against the decisions themselves.
func TestWhatIsNotAskedAboutOpensNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9)) // a test repeats itself
	var requests []rule.Request
	for i := range 240 {
		q := rule.Request{Model: []string{"m", "n", "mm", "x"}[i%4], Op: []rule.Operation{rule.View, rule.Infer, rule.Train}[i/4%3], At: midnight.AddDate(0, 0, i/12%5-2).Add(time.Hour)}
		q.Faces = []rule.Principal{{Kind: rule.KindRole, Ref: []string{"nurse", "guest"}[i%2]}, {Kind: rule.KindUser, Ref: []string{"u", "v"}[r.IntN(2)]}}
		q.Key = []string{"", "k", "l"}[r.IntN(3)]
		q.IP = netip.MustParseAddr([]string{"10.0.0.1", "192.0.2.1", "198.51.100.1"}[r.IntN(3)])
		q.Purpose = []string{"", "care"}[r.IntN(2)]
		requests = append(requests, q)
	}
	quiet, opened := 0, 0
	for range 3_000 {
		var before, after []rule.Rule
		for id := range 3 {
			x := randomRule(r, fmt.Sprint(id))
			if r.IntN(3) > 0 {
				before = append(before, x)
			}
			switch r.IntN(4) {
			case 0:
				after = append(after, randomRule(r, fmt.Sprint(id)))
			case 1, 2:
				y := randomRule(r, fmt.Sprint(id)) // as it was, but for one thing
				mix(r, &x, y)
				after = append(after, x)
			}
		}
		was, is := r.IntN(4) == 0, r.IntN(4) == 0
		old, err := rule.Compile(before, was)
		require.NoError(t, err)
		next, err := rule.Compile(after, is)
		require.NoError(t, err)
		if access.Opens(before, after, was, is) {
			opened++
			continue
		}
		quiet++
		for _, q := range requests {
			require.LessOrEqual(t, freely(next.Decide(q)), freely(old.Decide(q)), "before %+v\nafter %+v\nrequest %+v", before, after, q)
		}
	}
	require.Greater(t, quiet, 300)
	require.Greater(t, opened, 300)
}

func mix(r *rand.Rand, x *rule.Rule, y rule.Rule) {
	switch r.IntN(7) {
	case 0:
		x.Principals = y.Principals
	case 1:
		x.Models = y.Models
	case 2:
		x.Operations = y.Operations
	case 3:
		x.ReportOnly = y.ReportOnly
	case 4:
		x.Conditions = y.Conditions
		if !x.Allow {
			x.Conditions.Rate = nil
		}
	case 5:
		x.Allow = y.Allow
		if !x.Allow {
			x.Conditions.Rate = nil
		}
	}
}
