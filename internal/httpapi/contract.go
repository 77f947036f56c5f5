package httpapi

import (
	_ "embed"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"guardhouse/internal/access"
)

//go:embed openapi.yaml
var document []byte

const (
	// actionPublic marks the operations that need no credential. It is the whole allow-list.
	actionPublic = "public"
	// actionSignedIn marks those that any credential is enough for.
	actionSignedIn = "signed-in"
)

// operation is what the document says of one route and the middleware needs.
type operation struct {
	id       string
	action   string        // an access.Action, actionPublic or actionSignedIn
	or       access.Action // enough as well, where the operation is two; "" where it is one
	body     *openapi3.Schema
	bodyMust bool  // a body has to be there
	yaml     bool  // it may be YAML as well; then its handler reads it
	maxBody  int64 // where it may be larger than http.max_body, 0 where not
	query    map[string]*openapi3.Schema
	path     map[string]*openapi3.Schema
	header   map[string]*openapi3.Schema
}

// route is how gin names what it matched.
type route struct{ method, pattern string }

// contract holds every operation of the document by its route.
type contract map[route]*operation

// bracketed finds the parameters of a path as the document writes them.
var bracketed = regexp.MustCompile(`\{([a-z_]+)\}`)

// readContract reads the document. It refuses an operation without an id, without an action, or with an action that the
// gate does not know, so that no route can be served that nobody decided about.
func readContract(document []byte) (contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("reading openapi.yaml: %w", err)
	}
	out := contract{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o, err := newOperation(op)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			out[route{method, bracketed.ReplaceAllString(path, ":$1")}] = o
		}
	}
	return out, nil
}

func newOperation(op *openapi3.Operation) (*operation, error) {
	action, _ := op.Extensions["x-action"].(string)
	if op.OperationID == "" || action == "" {
		return nil, fmt.Errorf("operation %q has no id or no x-action", op.OperationID)
	}
	if !knownAction(action) {
		return nil, fmt.Errorf("operation %q: the gate knows no action %q", op.OperationID, action)
	}
	or, _ := op.Extensions["x-action-or"].(string)
	if or != "" && !knownAction(or) {
		return nil, fmt.Errorf("operation %q: the gate knows no action %q", op.OperationID, or)
	}
	o := &operation{
		id: op.OperationID, action: action, or: access.Action(or),
		query: map[string]*openapi3.Schema{}, path: map[string]*openapi3.Schema{}, header: map[string]*openapi3.Schema{},
	}
	if op.RequestBody != nil {
		o.body = op.RequestBody.Value.Content.Get("application/json").Schema.Value
		o.bodyMust = op.RequestBody.Value.Required
		o.yaml = op.RequestBody.Value.Content.Get(yamlType) != nil
	}
	if most, ok := op.Extensions["x-max-body"].(float64); ok {
		o.maxBody = int64(most)
	}
	for _, p := range op.Parameters {
		switch p.Value.In {
		case openapi3.ParameterInQuery:
			o.query[p.Value.Name] = p.Value.Schema.Value
		case openapi3.ParameterInPath:
			o.path[p.Value.Name] = p.Value.Schema.Value
		case openapi3.ParameterInHeader:
			o.header[http.CanonicalHeaderKey(p.Value.Name)] = p.Value.Schema.Value
		}
	}
	return o, nil
}

// knownAction says that somebody decides about the action: the roles, the gate's own rule for signing in, or the allow-list
// of what is public or for everybody who is signed in.
func knownAction(name string) bool {
	signing := []access.Action{access.AuthSetup, access.AuthLogin, access.AuthLogout, access.AuthRefresh}
	a := access.Action(name)
	return name == actionPublic || name == actionSignedIn || slices.Contains(signing, a) || slices.Contains(access.AllActions(), a)
}
