package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/fault"
)

// admit runs once the route is known: credential, early check of the action, parameters, body, in that order, so
// that nobody without a credential makes the server read a body.
func (s *Server) admit(c *gin.Context) {
	at := routeOf(c)
	if s.unbuilt[at] {
		s.signIn(c, "", "")
		return
	}
	op, known := s.contract[at]
	if !known {
		return // the console's files, and what matched nothing
	}
	needs := access.Action(op.action)
	if op.action == actionSignedIn {
		needs = ""
	}
	if op.action != actionPublic && !s.signIn(c, needs, op.or) {
		return
	}
	if err := s.readRequest(c, op); err != nil {
		s.problem(c, s.recordInvalid(c, op, err))
	}
}

// routeOf answers the route that matched. HEAD is held against the lines of the document for GET.
func routeOf(c *gin.Context) route {
	at := route{c.Request.Method, c.FullPath()}
	if at.method == http.MethodHead {
		at.method = http.MethodGet
	}
	return at
}

// signIn finds out who asks and answers false when it refused him. With an action it also refuses early who cannot
// have it; the gate behind the services decides all the same. or is as good as action where an operation is two.
func (s *Server) signIn(c *gin.Context, action, or access.Action) bool {
	x := exchangeOf(c)
	ctx := c.Request.Context()
	p, err := s.deps.Auth.Authenticate(ctx, s.credential(c.Request), x.origin)
	if err != nil {
		if fault.CodeOf(err) == fault.Unauthenticated && action != "" {
			err = s.recorded(c, access.Anonymous(x.origin), refusal{action, audit.Deny, "unauthenticated", err})
		}
		s.problem(c, err)
		return false
	}
	x.principal = p
	if action == "" && access.KeyAway(p) { // routes that need no right, and those that are not built
		s.problem(c, s.recorded(c, p, refusal{access.KeyOwn, audit.Deny, "key_address", notAllowed()}))
		return false
	}
	if action != "" && !s.deps.Guard.Can(p, action) && (or == "" || !s.deps.Guard.Can(p, or)) {
		s.problem(c, s.recorded(c, p, refusal{action, audit.Deny, s.lack(p, action), notAllowed()}))
		return false
	}
	return true
}

func notAllowed() error { return fault.New(fault.Forbidden, "Your role or key does not allow this.") }

// lack says what p is missing for action, in the gate's own words: the key is not good from there, the role does not have it, or
// the key was narrowed.
func (s *Server) lack(p access.Principal, action access.Action) string {
	if access.KeyAway(p) {
		return "key_address"
	}
	owner := p
	owner.Kind = access.KindUser
	if p.Kind == access.KindKey && s.deps.Guard.Can(owner, action) {
		return "key_scope"
	}
	return "role"
}

// refusal is a request that never reached the gate and still leaves its row.
type refusal struct {
	action           access.Action
	decision, reason string
	err              error
}

// recorded writes the row of a refusal and answers the error that the caller gets: the refusal's own, or that the
// row could not be written.
func (s *Server) recorded(c *gin.Context, p access.Principal, r refusal) error {
	op := access.Op{Action: r.action, Resource: targetOf(c, p)}
	if r.decision == audit.Deny {
		op.Operation = operationOf(r.action) // what was refused; a broken request used no model
	}
	if err := s.deps.Guard.Reject(c.Request.Context(), p, op, r.decision, r.reason); err != nil {
		return err
	}
	return r.err
}

// recordInvalid leaves a row where somebody who is signed in asked for something to be done in a way that cannot be
// taken: a use of a model or an act of administration. Reading leaves none, also where it has a body, and strangers have no row
// of their own here.
func (s *Server) recordInvalid(c *gin.Context, op *operation, err error) error {
	if op.action == actionPublic || op.action == actionSignedIn || c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
		return err
	}
	return s.recorded(c, exchangeOf(c).principal, refusal{s.meant(c, op), audit.Error, string(fault.CodeOf(err)), err})
}

// operationOf answers what a route's action does to a model, "" where it uses none.
func operationOf(a access.Action) access.Operation {
	if a == access.ModerationRun || a == access.ChatRun {
		return access.Infer
	}
	return ""
}
