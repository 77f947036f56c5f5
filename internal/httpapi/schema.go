package httpapi

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"guardhouse/internal/fault"
)

// showable says which member names of a caller may stand in an answer: nothing that could be content.
var showable = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// checkSchema holds a parsed value against the contract: exact member names, no others, exact types. It answers a
// fault.Invalid that names the field and the rule and never the value.
func checkSchema(s *openapi3.Schema, v any, field string) error {
	if v == nil {
		if s.Nullable {
			return nil
		}
		return wrong(field, "must not be null")
	}
	if len(s.OneOf) > 0 {
		return checkOneOf(s, v, field)
	}
	switch v := v.(type) {
	case map[string]any:
		return checkObject(s, v, field)
	case []any:
		return checkArray(s, v, field)
	case string:
		return checkString(s, v, field)
	case json.Number:
		return checkNumber(s, v, field)
	case bool:
		return mustBe(s, "boolean", field)
	}
	return wrong(field, "has an unknown type")
}

func wrong(field, rule string) *fault.Error {
	if field == "" {
		return fault.New(fault.Invalid, "The body "+rule+".")
	}
	return fault.New(fault.Invalid, "The field "+field+" "+rule+".").WithField(field)
}

func mustBe(s *openapi3.Schema, kind, field string) error {
	if s.Type == nil || s.Type.Is(kind) || (kind == "integer" && s.Type.Is("number")) {
		return nil
	}
	return wrong(field, "must be of type "+(*s.Type)[0])
}

// checkOneOf answers the error of the first branch that has the value's own type, so that it names the real fault.
func checkOneOf(s *openapi3.Schema, v any, field string) error {
	var first error
	for _, branch := range s.OneOf {
		err := checkSchema(branch.Value, v, field)
		if err == nil {
			return nil
		}
		if (first == nil && sameKind(branch.Value, v)) || sameItems(branch.Value, v) || sameMembers(branch.Value, v) {
			first = err
		}
	}
	if both := mixed(s, v); both != nil {
		return wrong(field, "must not have both "+both[0]+" and "+both[1]).WithField(join(field, both[0]))
	}
	if first == nil {
		return wrong(field, "has none of the types that are allowed here")
	}
	return first
}

// mixed answers what two branches cannot do without where v has it all, nil where it does not: then neither branch is the one that it
// is held against.
func mixed(s *openapi3.Schema, v any) []string {
	var has []string
	for _, branch := range s.OneOf {
		if sameMembers(branch.Value, v) {
			has = append(has, branch.Value.Required[0])
		}
	}
	slices.Sort(has)
	if has = slices.Compact(has); len(has) < 2 {
		return nil
	}
	return has
}

func sameKind(s *openapi3.Schema, v any) bool {
	switch v.(type) {
	case string:
		return s.Type.Is("string")
	case []any:
		return s.Type.Is("array")
	case map[string]any:
		return s.Type.Is("object")
	}
	return false
}

// sameItems says that v is an array whose first element has the type that the branch wants.
func sameItems(s *openapi3.Schema, v any) bool {
	list, ok := v.([]any)
	return ok && len(list) > 0 && s.Items != nil && sameKind(s.Items.Value, list[0])
}

// sameMembers says that v is an object with all that the branch cannot do without.
func sameMembers(s *openapi3.Schema, v any) bool {
	object, ok := v.(map[string]any)
	for _, name := range s.Required {
		_, there := object[name]
		ok = ok && there
	}
	return ok && len(s.Required) > 0
}

func checkObject(s *openapi3.Schema, v map[string]any, field string) error {
	if err := mustBe(s, "object", field); err != nil {
		return err
	}
	if err := notAvailableYet(s, v, field); err != nil {
		return err
	}
	if uint64(len(v)) < s.MinProps {
		return wrong(field, fmt.Sprintf("must have %d or more members", s.MinProps))
	}
	open := s.AdditionalProperties.Has != nil && *s.AdditionalProperties.Has
	for name, given := range v {
		if _, known := s.Properties[name]; known || open || given == nil && isLater(s, name) {
			continue
		}
		if !showable.MatchString(name) {
			return wrong(field, "has an unknown member")
		}
		return fault.New(fault.Invalid, "There is no field "+join(field, name)+".").WithField(join(field, name))
	}
	for _, name := range s.Required {
		if _, there := v[name]; !there {
			return wrong(join(field, name), "is missing")
		}
	}
	for name, p := range s.Properties {
		if value, there := v[name]; there {
			if err := checkSchema(p.Value, value, join(field, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// notAvailableYet refuses members that the document names as not built yet, in its own words.
func notAvailableYet(s *openapi3.Schema, v map[string]any, field string) error {
	for name, says := range later(s) {
		if given := v[name]; given == nil && v["type"] != any(name) { // null asks for nothing
			continue
		}
		return fault.New(fault.Invalid, fmt.Sprint(says)).WithField(join(field, name))
	}
	return nil
}

// later are the members that the document names as not built yet, with what it says of each.
func later(s *openapi3.Schema) map[string]any {
	named, _ := s.Extensions["x-not-available"].(map[string]any)
	return named
}

func isLater(s *openapi3.Schema, name string) bool {
	_, is := later(s)[name]
	return is
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

func checkArray(s *openapi3.Schema, v []any, field string) error {
	if err := mustBe(s, "array", field); err != nil {
		return err
	}
	if uint64(len(v)) < s.MinItems {
		return wrong(field, fmt.Sprintf("must have at least %d elements", s.MinItems))
	}
	if s.MaxItems != nil && uint64(len(v)) > *s.MaxItems {
		return wrong(field, fmt.Sprintf("must have at most %d elements", *s.MaxItems))
	}
	for i, element := range v {
		if err := checkSchema(s.Items.Value, element, field+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

func checkString(s *openapi3.Schema, v, field string) error {
	if err := mustBe(s, "string", field); err != nil {
		return err
	}
	length := uint64(utf8.RuneCountInString(v))
	switch {
	case length < s.MinLength:
		return wrong(field, fmt.Sprintf("must have at least %d characters", s.MinLength))
	case s.MaxLength != nil && length > *s.MaxLength:
		return wrong(field, fmt.Sprintf("must have at most %d characters", *s.MaxLength))
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, any(v)):
		return wrong(field, fmt.Sprintf("must be one of %q", s.Enum))
	case s.Pattern != "" && !fits(s.Pattern, v):
		return wrong(field, "must match "+s.Pattern)
	case s.Format == "date-time":
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
			return wrong(field, "must be an RFC 3339 time")
		}
	}
	return nil
}

// fits holds v against one of the document's patterns; one that can't be read fits nothing.
func fits(pattern, v string) bool {
	ok, err := regexp.MatchString(pattern, v)
	return err == nil && ok
}

func checkNumber(s *openapi3.Schema, v json.Number, field string) error {
	n, err := v.Float64()
	if err != nil {
		return wrong(field, "is out of range")
	}
	kind := "number"
	if _, err := v.Int64(); err == nil {
		kind = "integer"
	} else if s.Type.Is("integer") && !strings.ContainsAny(v.String(), ".eE") {
		return wrong(field, "is out of range")
	}
	if err := mustBe(s, kind, field); err != nil {
		return err
	}
	if s.Min != nil && n < *s.Min {
		return wrong(field, fmt.Sprintf("must be at least %v", *s.Min))
	}
	if s.Max != nil && n > *s.Max {
		return wrong(field, fmt.Sprintf("must be at most %v", *s.Max))
	}
	return nil
}
