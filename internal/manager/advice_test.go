package manager_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/gguf/malform"
	"guardhouse/internal/inference"
	"guardhouse/internal/manager"
)

const (
	mib    = 1 << 20
	chatML = `{%- for m in messages -%}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\n' -}}`
)

// talker is a chat model that is not in memory.
func (r *rig) talker() catalog.Model {
	r.t.Helper()
	sound, err := os.ReadFile("../../testdata/gguf/tiny.gguf")
	require.NoError(r.t, err)
	p := malform.Split(sound)
	p.Set("tokenizer.chat_template", 8, malform.Text(chatML))
	path := r.t.TempDir() + "/talker.gguf"
	require.NoError(r.t, os.WriteFile(path, p.Join(), 0o600))
	m, err := r.cat.Import(r.t.Context(), admin(), catalog.ImportRequest{Path: path})
	require.NoError(r.t, err)
	require.Equal(r.t, catalog.KindChat, m.Kind)
	return m
}

// talk has conversations of so many tokens from now on.
func (r *rig) talk(tokens int) {
	r.Handle(catalog.KindChat, func(_ context.Context, m catalog.Model, f *catalog.File) (manager.Opened, error) {
		c, err := f.Chat(m)
		if err != nil {
			return manager.Opened{}, err
		}
		return manager.Opened{
			Header: c.File, Spec: inference.Spec{Slots: 1, SlotTokens: tokens},
			Prove: func(ctx context.Context, m inference.Model) error { return ctx.Err() },
		}, nil
	})
}

// What is said of memory is in the unit of models.memory: its own number comes back as it was written, and what is said to do does.
func TestAdviceIsInTheUnitOfTheSetting(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 300 * mib})
	r.engine.takes = map[string]int64{"guard-nano": 100 * mib, "second": 250*mib + 1}
	r.refresh()
	m := r.brought("second")
	err := r.Fits(t.Context(), m)
	require.ErrorContains(t, err, "needs 251 MiB of memory, and of the 300 MiB for models 199 MiB are free")
	require.NotContains(t, err.Error(), "a models.memory of", "nobody knows what this machine has")

	r.engine.room = 1000 * mib
	r.Service = manager.New(manager.Deps{Catalog: r.cat, Scheduler: r.sched, Engine: r.engine}, manager.Options{Tuning: manager.Tuning{Memory: 300 * mib}, Now: r.clock.now})
	r.Handle(catalog.KindGuard, open)
	r.engine.takes["second"] = 300 * mib
	require.ErrorContains(t, r.Fits(t.Context(), m), "a models.memory of 301MiB")
	r.Tune(manager.Tuning{Memory: 301 * mib})
	require.NoError(t, r.Fits(t.Context(), m))
	r.engine.takes["second"] = 1000 * mib
	require.NotContains(t, r.Fits(t.Context(), m).Error(), "a models.memory of", "the machine has less")
}

// A chat model that a shorter conversation would make fit says which.
func TestAChatModelMayFitWithLessContext(t *testing.T) {
	r := newRig(t, manager.Tuning{Memory: 100 * mib})
	r.engine.takes, r.engine.each = map[string]int64{"talker": 50 * mib}, 20<<10
	m := r.talker()
	r.talk(4096)
	require.ErrorContains(t, r.Fits(t.Context(), m), "a chat.context of 2560")
	r.talk(2560)
	require.NoError(t, r.Fits(t.Context(), m))
	r.talk(2560 + 256)
	require.Error(t, r.Fits(t.Context(), m))
	r.engine.takes["talker"] = 99 * mib
	require.NotContains(t, r.Fits(t.Context(), m).Error(), "chat.context", "none is short enough")
}
