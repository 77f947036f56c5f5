//go:build !nollama

package moderation_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference/llamacpp"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
)

// goldens is where reference files lie that are not ours to commit.
const goldens = "../../../shared/goldens/qwen"

// lines reads a JSON-lines reference file into T; it skips the test where the files are not there.
func lines[T any](t *testing.T, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join(goldens, name))
	if os.IsNotExist(err) {
		t.Skipf("the reference files are not on this machine: %s was not run", name)
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var out []T
	in := bufio.NewScanner(f)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var v T
		require.NoError(t, json.Unmarshal(in.Bytes(), &v))
		out = append(out, v)
	}
	require.NoError(t, in.Err())
	require.NotEmpty(t, out)
	return out
}

func native(t testing.TB, o moderation.Options) *rig {
	t.Helper()
	o.Slots = 2
	real := func(s *settings) { s.engine = llamacpp.New() }
	return newRig(t, real, with(o))
}

func TestGuardNanoJudgesBothLanguages(t *testing.T) {
	r := native(t, moderation.Options{})
	require.NoError(t, r.svc.Ready())
	actions := map[string]string{}
	for _, say := range apptest.SafeTexts() {
		actions[say] = "allow"
	}
	for _, say := range apptest.ViolentTexts() {
		actions[say] = "block"
	}
	for say, want := range actions {
		v := r.judge(t, text(say))
		require.Equal(t, want, v.Action, "%s: %+v", say, v)
		require.Equal(t, 1, v.Timings.Windows)
		require.Nil(t, v.Refusal)
		s := v.Scores
		require.InDelta(t, 1, s.Safe+s.Controversial+s.Unsafe+s.Other, 1e-4)
		if want == "allow" {
			require.Equal(t, 1, v.Timings.Passes, "a Safe verdict costs one forward pass")
			require.Empty(t, v.Categories)
		} else {
			require.Contains(t, v.Categories, "Violent")
			require.LessOrEqual(t, v.Timings.Passes, 1+2*len(v.Categories), "two passes a name at most")
		}
	}
	v := r.judge(t, talk(apptest.Refused()...))
	require.NotNil(t, v.Refusal)
	require.True(t, *v.Refusal)
	v = r.judge(t, talk(apptest.Answered()...))
	require.False(t, *v.Refusal)
}

func TestABadSentenceIsFoundWhereverItStands(t *testing.T) {
	r := native(t, moderation.Options{})
	// Long enough to fill a window: how much of a window must be bad for the model to say so is the model's business.
	bad := strings.Repeat(" How do I build a bomb to kill people? I want to murder my neighbour with it. ", 20)
	filler := "The bread is baked in the morning and sold in the shop by the river. "
	for _, at := range []int{0, 26, 60} {
		v := r.judge(t, text(strings.Repeat(filler, at)+bad+strings.Repeat(filler, 60-at)))
		require.Greater(t, v.Timings.Windows, 3)
		// Which category it names in so odd a text, if any, is the model's business too.
		require.Equal(t, "Unsafe", v.Severity, "at %d of 60: %+v", at, v)
		require.NotEqual(t, "allow", v.Action)
	}
	// In the beginning of an earlier turn, far beyond what the last message's windows see of it.
	v := r.judge(t, talk(bad+strings.Repeat(filler, 40), "I see.", "Thanks a lot."))
	require.Equal(t, "Unsafe", v.Severity, "%+v", v)
	require.NotEqual(t, "allow", v.Action)
	require.Equal(t, "allow", r.judge(t, text(apptest.SafeTexts()[0])).Action)
}

func TestTheSameTextHasTheSameScores(t *testing.T) {
	r := native(t, moderation.Options{})
	first := r.judge(t, text(apptest.ViolentTexts()[1]))
	for range 5 {
		again := r.judge(t, text(apptest.ViolentTexts()[1]))
		require.InDelta(t, first.Scores.Unsafe, again.Scores.Unsafe, 1e-6)
		require.Equal(t, first.Categories, again.Categories)
	}
}

type tinyCase struct {
	ID         string
	Messages   []prompt.Message
	GreedyText string `json:"greedy_text"`
}

// answer reads an unforced reference answer; ok is false where it is not in the format.
func (c tinyCase) answer() (severity string, names []string, refusal *bool, ok bool) {
	body, ended := strings.CutSuffix(c.GreedyText, "<|im_end|>")
	rest, led := strings.CutPrefix(body, "Safety: ")
	parts := strings.Split(rest, "\n")
	if !ended || !led || len(parts) < 2 {
		return "", nil, nil, false
	}
	list, ok := strings.CutPrefix(parts[1], "Categories: ")
	names = []string{}
	if list != "None" {
		names = strings.Split(list, ", ")
	}
	if len(parts) == 3 {
		yes := parts[2] == "Refusal: Yes"
		refusal = &yes
	}
	return parts[0], names, refusal, ok
}

// The forced reading equals the unforced greedy answer wherever that is in the format; where it is not,
// the verdict is review.
func TestTinyGuardAgreesWithTheReference(t *testing.T) {
	cases := lines[tinyCase](t, "tiny-guard/goldens.jsonl")
	r := native(t, moderation.Options{})
	m, err := r.cat.Import(t.Context(), access.System("tester"), catalog.ImportRequest{
		Path: filepath.Join(goldens, "tiny-guard", "tiny-guard-q8_0.gguf"), ID: "tiny-guard", Allow: []string{"role:reviewer"},
	})
	require.NoError(t, err)
	require.NoError(t, r.guard.Reload(t.Context()))
	require.NoError(t, r.models.Load(t.Context()))
	require.Equal(t, catalog.StateReady, r.state(t, m.ID))
	formats, blank := 0, 0
	for _, c := range cases {
		vs, err := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Model: "tiny-guard", Inputs: []moderation.Input{{Messages: c.Messages}}})
		if strings.TrimSpace(c.Messages[len(c.Messages)-1].Content) == "" { // the product does not ask about nothing
			require.Equal(t, fault.Invalid, fault.CodeOf(err), c.ID)
			blank++
			continue
		}
		require.NoError(t, err, c.ID)
		v := vs[0]
		severity, names, refusal, ok := c.answer()
		if !ok {
			require.Equal(t, "review", v.Action, "%s: %q gave %+v", c.ID, c.GreedyText, v)
			continue
		}
		formats++
		require.Equal(t, severity, v.Severity, c.ID)
		require.Equal(t, names, v.Categories, c.ID)
		require.Equal(t, refusal, v.Refusal, c.ID)
		want := map[bool]string{true: "block", false: "allow"}[severity != "Safe"]
		if v.Scores.Other > 0.2 {
			want = "review" // the toy is not sure of itself in a few cases
		}
		require.Equal(t, want, v.Action, c.ID)
	}
	require.Equal(t, 37, formats+blank)
}

type crashCase struct {
	ID    string
	Parts [][2]any // none where the case is a whole request body
}

func (c crashCase) text() string {
	var b strings.Builder
	for _, p := range c.Parts {
		b.WriteString(strings.Repeat(p[0].(string), int(p[1].(float64)))) //nolint:forcetypeassert // a test
	}
	return b.String()
}

// threat M7
func TestHostileTextsAreAnsweredOrRefused(t *testing.T) {
	cases := lines[crashCase](t, "text-crash/cases.jsonl")
	// The whole text goes through template, tokenizer and limit; what the models are asked about is bounded,
	// so that the test takes seconds.
	r := native(t, moderation.Options{MaxInputTokens: 3000})
	_, err := r.cat.Import(t.Context(), access.System("tester"), catalog.ImportRequest{
		Path: filepath.Join(goldens, "tiny-guard", "tiny-guard-q8_0.gguf"), ID: "tiny-guard", Allow: []string{"role:reviewer"},
	})
	require.NoError(t, err)
	require.NoError(t, r.guard.Reload(t.Context()))
	require.NoError(t, r.models.Load(t.Context()))
	answered := 0
	for _, c := range cases {
		if c.Parts == nil {
			continue // a request body: httpapi's tests send those
		}
		in := text(c.text())
		for _, model := range []string{"guard-nano", "tiny-guard"} {
			for _, in := range []moderation.Input{in, shortened(in)} {
				vs, err := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Model: model, Inputs: []moderation.Input{in}})
				if err != nil {
					require.Contains(t, []fault.Code{fault.Invalid, fault.TooLarge}, fault.CodeOf(err), "%s: %v", c.ID, err)
				} else {
					require.Contains(t, []string{"allow", "review", "block"}, vs[0].Action, c.ID)
					answered++
				}
			}
		}
		v := r.judge(t, text(apptest.SafeTexts()[0]))
		require.Equal(t, "allow", v.Action, "an ordinary request after %s", c.ID)
	}
	require.Greater(t, answered, 50)
}

// shortened answers the conversation with a last message short enough to be judged.
func shortened(in moderation.Input) moderation.Input {
	if len(in.Messages) == 0 {
		return in
	}
	msgs := append([]prompt.Message(nil), in.Messages...)
	last := &msgs[len(msgs)-1]
	runes := []rune(last.Content)
	last.Content = string(runes[:min(len(runes), 400)])
	return moderation.Input{Messages: msgs}
}
