package canary

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"

	"guardhouse/internal/fault"
)

//go:embed baselines/*.json
var baselineFiles embed.FS

// Baseline is what a guard said of a set when it was recorded.
type Baseline struct {
	ModelSHA256    string   `json:"model_sha256"`
	TemplateSHA256 string   `json:"template_sha256"`
	SetSHA256      string   `json:"set_sha256"`
	Answers        []Answer `json:"answers"`
	eventID        string   // the row of the log that vouches for it; "" where the program itself does
	sum            string   // of the text that is stored, which the row names: written again, it might be another
}

// Builtin answers the baselines that come with the program: those of the models that do.
func Builtin() ([]Baseline, error) {
	names, err := fs.Glob(baselineFiles, "baselines/*.json")
	if err != nil {
		return nil, err
	}
	var out []Baseline
	for _, name := range names {
		data, err := baselineFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var b Baseline
		if err := json.Unmarshal(data, &b); err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the recorded canaries cannot be read")
		}
		out = append(out, b)
	}
	return out, nil
}

// is says whether the baseline is of these bytes, template and texts.
func (b Baseline) is(o Baseline) bool {
	return b.ModelSHA256 == o.ModelSHA256 && b.TemplateSHA256 == o.TemplateSHA256 && b.SetSHA256 == o.SetSHA256
}

// encode answers the answers as they are stored, and the hash that the log keeps of them.
func (b Baseline) encode() (text, sum string, err error) {
	data, err := json.Marshal(b.Answers)
	if err != nil { // numbers that are none
		return "", "", fault.Wrap(err, fault.Unprocessable, "the model's answers cannot be recorded")
	}
	return string(data), hashOf(string(data)), nil
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
