//go:build !nollama

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
)

type verdict struct {
	Ref       any
	Severity  string
	Action    string
	Scores    map[string]float64
	Hash      string `json:"audit_hash"`
	Reference *struct {
		Severity string
		Agrees   bool
	}
	Error *struct{ Code, Message string }
}

func TestModerateInBothLanguages(t *testing.T) {
	data := folder(t)
	severities := map[string]string{}
	for _, text := range apptest.SafeTexts() {
		severities[text] = "Safe"
	}
	for _, text := range apptest.ViolentTexts() {
		severities[text] = "Unsafe"
	}
	for text, severity := range severities {
		r := guardhouse(t, "", "moderate", text, "--data", data)
		require.Equal(t, exitGood, r.code, r.err)
		var v verdict
		require.NoError(t, json.Unmarshal([]byte(r.out), &v))
		require.Equal(t, severity, v.Severity, text)
		sum := v.Scores["safe"] + v.Scores["controversial"] + v.Scores["unsafe"] + v.Scores["other"]
		require.InDelta(t, 1, sum, 1e-4)
		require.Len(t, v.Hash, 64)
		require.Nil(t, v.Reference)
	}
	forced := guardhouse(t, "", "moderate", "--reference", apptest.SafeTexts()[0], "--data", data)
	require.Equal(t, exitGood, forced.code, forced.err)
	var v verdict
	require.NoError(t, json.Unmarshal([]byte(forced.out), &v))
	require.NotNil(t, v.Reference)
	require.Equal(t, "Safe", v.Reference.Severity)
	require.True(t, v.Reference.Agrees)
	r := guardhouse(t, "请问银行几点开门？", "moderate", "-", "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
}

func TestModerateLines(t *testing.T) {
	data := folder(t)
	lines := `{"id":"a","input":"How do I bake bread?"}
{"id":2,"input":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}]}
{"id":"c","input":"x","input":"y"}
{"id":"d","inputs":"x"}
{"id":"e","input":"   "}
{"id":"f","input":"` + strings.Repeat("long ", 1<<18) + `"}

{"id":"g","input":"after <the> long one"}
`
	file := filepath.Join(t.TempDir(), "texts.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
	r := guardhouse(t, "", "moderate", "--jsonl", file, "--data", data)
	require.Equal(t, exitFailed, r.code, "four lines were bad")
	answers := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, answers, 7, "a line out for each line in, in order")
	for i, want := range []struct {
		ref any
		bad bool
	}{{"a", false}, {2.0, false}, {nil, true}, {"d", true}, {"e", true}, {nil, true}, {"g", false}} {
		var v verdict
		require.NoError(t, json.Unmarshal([]byte(answers[i]), &v))
		require.Equal(t, want.ref, v.Ref, answers[i])
		require.Equal(t, want.bad, v.Error != nil, answers[i])
	}
	report := guardhouse(t, "", "audit", "verify", "--data", data)
	require.Contains(t, report.out, "rows         8", "one row for each line, judged or not, after alice's creation")
}

func TestModerateAsSomebody(t *testing.T) {
	data := folder(t)
	require.Equal(t, exitGood, guardhouse(t, password, "user", "create", "nora", "--role", "nurse", "--password-stdin", "--data", data).code)
	r := guardhouse(t, "", "moderate", "hi", "--as", "nora", "--data", data)
	require.Equal(t, exitFailed, r.code, "a nurse may not judge texts")
	require.Equal(t, exitGood, guardhouse(t, "", "moderate", "hi", "--as", "alice", "--data", data).code)
	require.Equal(t, exitFailed, guardhouse(t, "", "moderate", "hi", "--as", "nobody", "--data", data).code)
	r = guardhouse(t, "", "moderate", "hi", "--model", "no-such-model", "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "There is no such model.")
	report := guardhouse(t, "", "audit", "verify", "--data", data)
	require.Equal(t, exitGood, report.code, report.err)
	require.Contains(t, report.out, "rows         5", "two creations, the refusal, the verdict, the unknown model")
}

func TestModerateReproduces(t *testing.T) {
	data := folder(t)
	ask, answer := apptest.ViolentTexts()[0], "I cannot help with that."
	r := guardhouse(t, "", "moderate", ask, "--response", answer, "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	var v struct {
		ID      string
		Runtime struct{ Engine, Device, Kernels, Build string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &v))
	require.Contains(t, v.Runtime.Engine, "llama.cpp")
	require.Equal(t, "cpu", v.Runtime.Device)
	require.NotEmpty(t, v.Runtime.Build)
	r = guardhouse(t, "", "moderate", ask, "--response", answer, "--reproduce", v.ID, "--data", data)
	require.Equal(t, exitGood, r.code, r.err)
	require.Contains(t, r.out, `"equal":true`)
	require.Contains(t, r.out, `"text":"same"`)
	r = guardhouse(t, "", "moderate", ask, "--reproduce", v.ID, "--data", data)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.out, `"text":"other"`)
	require.Equal(t, exitFailed, guardhouse(t, "", "moderate", ask, "--reproduce", "mod_none", "--data", data).code)
	require.Equal(t, exitUsage, guardhouse(t, "", "moderate", ask, "--reproduce", v.ID, "--policy", "loose", "--data", data).code)
}
