// Package canary holds guards to what they said before: a fixed set of harmless texts whose answers are recorded, for the models that
// come with the program at release and for imported ones when they are first loaded. A guard that answers otherwise than it did is not
// used. It may import access, audit, catalog, db, fault, moderation and prompt.
package canary

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

//go:embed prompts.json
var promptsFile []byte

// Prompt is one canary.
type Prompt struct {
	Name     string           `json:"name"`
	Messages []prompt.Message `json:"messages"`
	Repeat   int              `json:"repeat,omitempty"` // how often the first message is said in one go; 0 = once
}

// Set is the prompts with the hash of their file: a baseline belongs to one set.
type Set struct {
	SHA256  string
	Prompts []Prompt
}

// Prompts answers the set of this release.
func Prompts() (Set, error) {
	sum := sha256.Sum256(promptsFile)
	s := Set{SHA256: hex.EncodeToString(sum[:])}
	d := json.NewDecoder(bytes.NewReader(promptsFile))
	d.DisallowUnknownFields()
	if err := d.Decode(&s.Prompts); err != nil {
		return Set{}, fault.Wrap(err, fault.Internal, "the canaries cannot be read")
	}
	return s, nil
}

// Inputs answers what is judged, in the set's order.
func (s Set) Inputs() []moderation.Input {
	out := make([]moderation.Input, len(s.Prompts))
	for i, p := range s.Prompts {
		list := append([]prompt.Message(nil), p.Messages...)
		list[0].Content = strings.Repeat(list[0].Content, max(p.Repeat, 1))
		out[i].Messages = list
	}
	return out
}

// Answer is what a guard says of a canary.
type Answer struct {
	Name       string            `json:"name"`
	Severity   string            `json:"severity"`
	Categories []string          `json:"categories"`
	Refusal    *bool             `json:"refusal"`
	Scores     moderation.Scores `json:"scores"`
}

// answers names what was said of each canary.
func (s Set) answers(said []moderation.Rejudged) []Answer {
	out := make([]Answer, len(said))
	for i, v := range said {
		out[i] = Answer{Name: s.Prompts[i].Name, Severity: v.Severity, Categories: v.Categories, Refusal: v.Refusal, Scores: v.Scores}
	}
	return out
}
