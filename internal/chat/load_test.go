package chat_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/chat"
	"guardhouse/internal/gguf/malform"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/manager"
)

// chatML is a chat model's template.
const chatML = `{%- for m in messages -%}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\n' -}}`

// noted is an engine that remembers what it was asked to load.
type noted struct {
	*fake.Engine
	spec inference.Spec
}

func (n *noted) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	n.spec = s
	return n.Engine.Load(ctx, s)
}

// TestAnImportedChatModelAnswers: from a file to an answer, in the model's own template and the context that the setting gives it.
func TestAnImportedChatModelAnswers(t *testing.T) {
	ctx := t.Context()
	sound, err := os.ReadFile("../../testdata/gguf/tiny.gguf")
	require.NoError(t, err)
	parts := malform.Split(sound)
	parts.Set("tokenizer.chat_template", 8, malform.Text(chatML))
	dir := t.TempDir()
	path := filepath.Join(dir, "small-talk.gguf")
	require.NoError(t, os.WriteFile(path, parts.Join(), 0o600))
	d := apptest.OpenDB(t)
	guard, err := access.New(ctx, d, audit.New(d, []byte("content key of a test")), access.Options{})
	require.NoError(t, err)
	cat := catalog.New(d, guard, catalog.Options{ModelsDir: filepath.Join(dir, "models"), Try: apptest.Tried})
	m, err := cat.Import(ctx, access.System("tester"), catalog.ImportRequest{Path: path, Allow: []string{"role:reviewer"}})
	require.NoError(t, err)
	require.Equal(t, catalog.KindChat, m.Kind)

	g, err := nano()
	require.NoError(t, err)
	asked := ""
	engine := &noted{Engine: fake.New(fake.Options{
		Decode: g.Tokenizer.Decode, Encode: g.Tokenizer.Encode,
		Write: func(prompt string) string { asked = prompt; return "" },
	})}
	sched := inference.New(inference.Options{Queue: 4})
	t.Cleanup(func() { require.NoError(t, sched.Close(context.Background())) })
	held := manager.New(manager.Deps{Catalog: cat, Scheduler: sched, Engine: engine}, manager.Options{})
	svc := chat.New(chat.Deps{Guard: guard, Models: held, Scheduler: sched}, chat.Options{Context: 100, Spec: inference.Spec{Slots: 2}})
	held.Handle(catalog.KindChat, svc.Open)

	engine.Fail(errors.New("it writes nothing"))
	require.NoError(t, held.Load(ctx), "no default guard depends on it")
	require.Equal(t, catalog.StateFailed, stateOf(t, cat))
	engine.Fail(nil)
	require.NoError(t, held.Load(ctx))
	require.Equal(t, catalog.StateReady, stateOf(t, cat))
	require.Equal(t, []int{2, 100}, []int{engine.spec.Slots, engine.spec.SlotTokens})
	a, err := svc.Complete(ctx, rita(), ask("small-talk", "hello"))
	require.NoError(t, err)
	require.Equal(t, "small-talk", a.Model.ID)
	require.NotEmpty(t, asked)
	require.Equal(t, m.TemplateSHA256, a.Model.TemplateSHA256)
}

func stateOf(t testing.TB, cat *catalog.Service) string {
	t.Helper()
	all, err := cat.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0].State
}
