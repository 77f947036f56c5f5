package httpapi

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/strictjson"
)

// threat Z1: who forgets to decide about a route cannot start the server.
func TestOperationWithoutActionIsRefused(t *testing.T) {
	for _, op := range []*openapi3.Operation{
		{OperationID: "x"},
		{OperationID: "x", Extensions: map[string]any{"x-action": ""}},
		{OperationID: "x", Extensions: map[string]any{"x-action": true}},
		{Extensions: map[string]any{"x-action": "audit.read"}},
	} {
		_, err := newOperation(op)
		require.Error(t, err)
	}
}

func TestCheckSchema(t *testing.T) {
	limit, most := uint64(2), 9.0
	schema := openapi3.NewObjectSchema().
		WithProperty("n", &openapi3.Schema{Type: &openapi3.Types{"integer"}, Max: &most}).
		WithProperty("f", openapi3.NewFloat64Schema()).
		WithProperty("b", openapi3.NewBoolSchema()).
		WithProperty("s", &openapi3.Schema{Type: &openapi3.Types{"string"}, MaxLength: &limit}).
		WithProperty("maybe", &openapi3.Schema{Type: &openapi3.Types{"string"}, Nullable: true}).
		WithProperty("list", openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema()))
	for body, field := range map[string]string{
		`{}`:                                "",
		`{"n":9,"f":1.5,"b":true,"s":"你好"}`: "",
		`{"maybe":null,"list":["a"]}`:       "",
		`{"f":2}`:                           "",
		`{"n":10}`:                          "n",
		`{"n":1.5}`:                         "n",
		`{"n":1e2}`:                         "n",
		`{"n":"1"}`:                         "n",
		`{"n":99999999999999999999}`:        "n",
		`{"b":"true"}`:                      "b",
		`{"b":1}`:                           "b",
		`{"s":"abc"}`:                       "s",
		`{"s":null}`:                        "s",
		`{"s":["a"]}`:                       "s",
		`{"list":"a"}`:                      "list",
		`{"list":["a",1]}`:                  "list[1]",
		`{"list":[["a"]]}`:                  "list[0]",
		`{"list":{"0":"a"}}`:                "list",
		`{"N":1}`:                           "N",
	} {
		v, err := strictjson.Parse([]byte(body))
		require.NoError(t, err)
		err = checkSchema(schema, v, "")
		if field == "" {
			require.NoError(t, err, body)
			continue
		}
		require.Equal(t, fault.Invalid, fault.CodeOf(err), body)
		require.Equal(t, field, fault.From(err).Field, body)
	}
}
