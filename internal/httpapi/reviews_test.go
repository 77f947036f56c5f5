package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/rule"
)

// rule stores a rule as the command line would.
func (b *bench) rule(r rule.Rule) {
	b.t.Helper()
	pass, err := b.guard.Enter(b.t.Context(), access.System("tester"), access.Op{Action: access.ACLManage, Resource: "acl"})
	require.NoError(b.t, err)
	_, err = b.guard.PutRules(b.t.Context(), pass, 0, func(now []rule.Rule) ([]rule.Rule, error) { return append(now, r), nil })
	require.NoError(b.t, err)
}

// wardRule is a rule of somebody's that opens a model to nurses.
func (b *bench) wardRule(id, owner string) rule.Rule {
	b.t.Helper()
	return rule.Rule{
		ID: id, Allow: true, Principals: []rule.Principal{{Kind: rule.KindRole, Ref: "nurse"}}, Models: []string{"ward-*"},
		Operations: []rule.Operation{rule.View, rule.Infer}, Owner: "user:" + b.idOf(owner), Note: "ward tablets",
	}
}

// reviewOf begins a review of one person's rule and answers its id.
func (b *bench) reviewOf(owner string) string {
	b.t.Helper()
	b.rule(b.wardRule("ward-of-"+owner, owner))
	w := b.do(call{method: "POST", path: "/api/v1/access/reviews", as: "alice", body: `{"title":"Quarter","due_at":"` + ahead() + `","rules":["ward-*"]}`})
	require.Equal(b.t, http.StatusCreated, w.Code, w.Body)
	return field(b.t, w.Body.Bytes(), "id")
}

func TestReviewOverHTTP(t *testing.T) {
	b := newBench(t)
	id := b.reviewOf("rita")
	path := "/api/v1/access/reviews/" + id
	bearer := map[string]string{"Authorization": b.bearer}

	w := b.do(call{method: "GET", path: path, header: bearer})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	matchesDocument(t, "getAccessReview", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	item := object(t, w.Body.Bytes())["items"].([]any)[0].(map[string]any)
	require.Equal(t, "ward-of-rita", item["rule_id"])
	require.Equal(t, true, item["mine"])
	require.Equal(t, "user:rita", item["owner"])

	shown, _ := item["rule"].(map[string]any)
	require.Equal(t, "user:rita", shown["owner"], "rules are shown with names")

	decide := func(as, body string) (int, string) {
		w := b.do(call{method: "POST", path: path + "/items/ward-of-rita", as: as, body: body})
		return w.Code, w.Body.String()
	}
	status, body := decide("rob", `{"decision":"keep"}`)
	require.Equal(t, http.StatusNotFound, status, body)
	status, body = decide("rita", `{"decision":"keep","fingerprint":"stale"}`)
	require.Equal(t, http.StatusPreconditionFailed, status, body)
	status, body = decide("rita", `{"decision":"keep","note":"still used","fingerprint":"`+item["fingerprint"].(string)+`"}`)
	require.Equal(t, http.StatusOK, status, body)
	matchesDocument(t, "decideAccessReviewItem", 200, "application/json", []byte(body))

	w = b.do(call{method: "POST", path: path + "/close", as: "alice"})
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	matchesDocument(t, "closeAccessReview", 200, w.Header().Get("Content-Type"), w.Body.Bytes())
	status, _ = decide("rita", `{"decision":"keep"}`)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, http.StatusConflict, b.do(call{method: "POST", path: path + "/close", as: "alice"}).Code)
}
