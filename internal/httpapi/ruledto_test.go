package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnswersAboutRules holds every kind of answer about rules, groups, requests, reviews and usage against testdata.
func TestAnswersAboutRules(t *testing.T) {
	b := newBench(t)
	bearer := map[string]string{"Authorization": b.bearer}
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: moderations, header: bearer, body: `{"input":"hello"}`}).Code)
	review := "/api/v1/access/reviews/" + b.reviewOf("rita")
	request := accessRequests + "/" + b.asksAccess(bearer, "guard-nano")
	const ward = `{"effect":"deny","principals":["role:reviewer"],"models":["guard-nano"],"operations":["infer"],"conditions":{"ip_ranges":["198.51.100.0/24"],"hours":"Mon-Fri 08:00-18:00 Asia/Shanghai","purpose":"required"},"note":"ward tablets","owner":"user:alice"}`
	for _, c := range []struct {
		name, op string
		status   int
		call
	}{
		{"group", "createGroup", 201, call{method: "POST", path: "/api/v1/groups", body: `{"name":"readers","note":"third floor"}`}},
		{"groups", "listGroups", 200, call{method: "GET", path: "/api/v1/groups"}},
		{"rule", "putRule", 201, call{method: "PUT", path: "/api/v1/acl/rules/ward", body: ward}},
		{"rules", "listRules", 200, call{method: "GET", path: "/api/v1/acl/rules"}},
		{"model_acl", "getModelACL", 200, call{method: "GET", path: acl}},
		{"policy", "getPolicy", 200, call{method: "GET", path: "/api/v1/acl/policy"}},
		{"policy_versions", "listPolicyVersions", 200, call{method: "GET", path: "/api/v1/acl/versions"}},
		{"policy_version", "getPolicyVersion", 200, call{method: "GET", path: "/api/v1/acl/versions/" + b.nextVersion(2)}},
		{"explanation", "explainAccess", 200, call{method: "POST", path: "/api/v1/access/explain", body: `{"principal":"user:rita","model":"guard-nano","operation":"infer","ip":"198.51.100.7","at":"2026-11-23T03:00:00Z","purpose":"care"}`}},
		{"access", "listAccess", 200, call{method: "GET", path: "/api/v1/access/can?principal=user:rita"}},
		{"rehearsal", "rehearseRules", 200, call{method: "POST", path: "/api/v1/acl/rehearse", body: `{"days":1,"rules":[]}`}},
		{"rule_again", "putRule", 201, call{method: "PUT", path: "/api/v1/acl/rules/ward-again", body: ward}},
		{"hygiene", "listHygiene", 200, call{method: "GET", path: "/api/v1/acl/hygiene?days=1"}},
		{"rule_hits", "listRuleHits", 200, call{method: "GET", path: "/api/v1/acl/rules/ward/hits"}},
		{"access_request", "getAccessRequest", 200, call{method: "GET", path: request}},
		{"access_requests", "listAccessRequests", 200, call{method: "GET", path: accessRequests}},
		{"access_review", "getAccessReview", 200, call{method: "GET", path: review}},
		{"access_reviews", "listAccessReviews", 200, call{method: "GET", path: "/api/v1/access/reviews"}},
		{"usage", "getUserUsage", 200, call{method: "GET", path: "/api/v1/users/" + b.idOf("rita") + "/usage"}},
		{"precondition", "putRule", 412, call{method: "PUT", path: "/api/v1/acl/rules/ward", body: ward, header: ifMatch(`"v9"`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.as = "alice"
			w := b.do(c.call)
			require.Equal(t, c.status, w.Code, w.Body)
			matchesDocument(t, c.op, c.status, w.Header().Get("Content-Type"), w.Body.Bytes())
			golden(t, c.name, w.Body.Bytes())
		})
	}
}

// nextVersion answers the policy's version after so many changes more.
func (b *bench) nextVersion(more int64) string {
	return fmt.Sprint(b.guard.PolicyVersion() + more)
}
