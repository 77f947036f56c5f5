package httpapi

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/strictjson"
)

// TestCheckSchemaSaysWhatIsWrong: a number that is too large for its type has the right type, and of two bodies in one neither is wrong.
func TestCheckSchemaSaysWhatIsWrong(t *testing.T) {
	text, list := openapi3.NewStringSchema(), openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema())
	judge := openapi3.NewObjectSchema().WithProperty("input", text).WithProperty("model", text).WithRequired([]string{"input"})
	talk := openapi3.NewObjectSchema().WithProperty("messages", list).WithProperty("model", text).WithProperty("n", openapi3.NewIntegerSchema()).WithRequired([]string{"messages"})
	either := openapi3.NewOneOfSchema(judge, talk)
	for body, says := range map[string]string{
		`{"input":"x"}`:                    "",
		`{"messages":[]}`:                  "",
		`{"input":"x","messages":[]}`:      "must not have both input and messages",
		`{"input":7,"messages":[7],"x":1}`: "must not have both input and messages",
		`{}`:                               "input is missing",
		`{"model":"x"}`:                    "input is missing",
		`{"messages":[7]}`:                 "messages[0] must be of type string",
		`{"messages":[],"n":99999999999999999999}`:           "n is out of range",
		`{"messages":[],"n":-99999999999999999999}`:          "n is out of range",
		`{"messages":[],"n":1.0}`:                            "n must be of type integer",
		`{"messages":[],"n":1e0}`:                            "n must be of type integer",
		`{"messages":[],"n":99999999999999999999.5}`:         "n must be of type integer",
		`{"messages":[],"temperature":99999999999999999999}`: "There is no field temperature",
	} {
		v, err := strictjson.Parse([]byte(body))
		require.NoError(t, err)
		if err = checkSchema(either, v, ""); says == "" {
			require.NoError(t, err, body)
			continue
		}
		require.ErrorContains(t, err, says, body)
	}
}

// TestNullAsksForNothing: programs send null for what they do not use, and that is no field that is unknown.
func TestNullAsksForNothing(t *testing.T) {
	schema := openapi3.NewObjectSchema().WithProperty("text", openapi3.NewStringSchema())
	schema.Extensions = map[string]any{"x-not-available": map[string]any{"tools": "This server has no tools."}}
	for body, says := range map[string]string{
		`{"text":"x","tools":null}`:  "",
		`{"text":"x","tools":[]}`:    "This server has no tools.",
		`{"text":"x","tools":false}`: "This server has no tools.",
		`{"text":"x","others":null}`: "There is no field others.",
		`{"text":null,"tools":null}`: "must not be null",
	} {
		v, err := strictjson.Parse([]byte(body))
		require.NoError(t, err)
		if err = checkSchema(schema, v, ""); says == "" {
			require.NoError(t, err, body)
			continue
		}
		require.ErrorContains(t, err, says, body)
	}
}

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
