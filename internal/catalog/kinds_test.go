package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/gguf/malform"
)

// The templates of the tests: a plain one, and one that asks for a verdict.
const (
	chatML = `{%- for m in messages -%}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\n' -}}`
	verdict = `{%- for m in messages -%}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}
{%- endfor -%}
{{- '<|im_start|>user\nGive Safety and Categories.<|im_end|>\n<|im_start|>assistant\n' -}}`
)

// tiny is a model of one layer with that template, without one for "".
func tiny(t testing.TB, template string) *malform.Parts {
	t.Helper()
	sound, err := os.ReadFile("../../testdata/gguf/tiny.gguf")
	require.NoError(t, err)
	p := malform.Split(sound)
	if template == "" {
		for i := range p.Pairs {
			if p.Pairs[i].Key == "tokenizer.chat_template" {
				p.Pairs[i].Key = "tokenizer.no_template"
			}
		}
		return p
	}
	p.Set("tokenizer.chat_template", 8, malform.Text(template))
	return p
}

func (h house) take(t testing.TB, r catalog.ImportRequest) (catalog.Model, error) {
	t.Helper()
	return h.cat.Import(context.Background(), system(), r)
}

func TestImportRecognisesTheKind(t *testing.T) {
	h := newHouse(t)
	chat, guard := write(t, "chat.gguf", tiny(t, chatML).Join()), write(t, "guard.gguf", tiny(t, verdict).Join())
	m, err := h.take(t, catalog.ImportRequest{Path: chat})
	require.NoError(t, err)
	require.Equal(t, catalog.KindChat, m.Kind)
	require.Len(t, m.TemplateSHA256, 64)
	f := h.open(t, "chat")
	c, err := f.Chat(m)
	require.NoError(t, err)
	require.Equal(t, m.TemplateSHA256, c.Prompt.TemplateSHA256())
	m, err = h.take(t, catalog.ImportRequest{Path: guard, Kind: catalog.KindGuard})
	require.NoError(t, err)
	require.Equal(t, catalog.KindGuard, m.Kind)
	_, err = h.open(t, "guard").Guard(m)
	require.NoError(t, err)
	for _, r := range []catalog.ImportRequest{{Path: chat, ID: "x", Kind: catalog.KindGuard}, {Path: guard, ID: "x", Kind: catalog.KindChat}} {
		_, err := h.take(t, r)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
		require.Contains(t, fault.From(err).Message, "not of the kind "+r.Kind)
	}
	short := tiny(t, chatML)
	short.Set("qwen3.context_length", 4, []byte{70, 0, 0, 0})
	_, err = h.take(t, catalog.ImportRequest{Path: write(t, "short.gguf", short.Join())})
	require.ErrorContains(t, err, "too short")
	require.Len(t, h.stored(t), 2)
}

// threat M5: a template given beside the file is checked like the file's own, is part of the model's identity, and is the one in use.
func TestATemplateBesideTheFile(t *testing.T) {
	h := newHouse(t)
	path, template := write(t, "bare.gguf", tiny(t, "").Join()), write(t, "t.jinja", []byte(verdict))
	_, err := h.take(t, catalog.ImportRequest{Path: path})
	require.ErrorContains(t, err, "--template")
	_, err = h.take(t, catalog.ImportRequest{Path: path, Template: write(t, "bad.jinja", []byte("{% include 'x' %}"))})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = h.take(t, catalog.ImportRequest{Path: path, Template: path + ".nope"})
	require.Equal(t, "template", fault.From(err).Field)
	_, err = h.take(t, catalog.ImportRequest{Path: path, Template: template, Allow: []string{"role:nobody-has-this"}})
	require.Error(t, err)
	require.Empty(t, h.stored(t), "nothing is left of what was refused")

	m, err := h.take(t, catalog.ImportRequest{Path: path, Template: template})
	require.NoError(t, err)
	require.Equal(t, catalog.KindGuard, m.Kind)
	require.Len(t, h.stored(t), 2)
	g, err := h.open(t, "bare").Guard(m)
	require.NoError(t, err)
	require.Equal(t, m.TemplateSHA256, g.Prompt.TemplateSHA256())
	peeked, err := h.cat.Peek(m)
	require.NoError(t, err)
	_, err = peeked.Guard(m)
	require.NoError(t, err, "what is asked before a load has the template too")
	require.NoError(t, peeked.Close())

	kept := filepath.Join(h.dir, "models", m.TemplateSHA256+".jinja")
	info, err := os.Stat(kept)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), info.Mode())
	require.NoError(t, os.Chmod(kept, 0o600))
	require.NoError(t, os.WriteFile(kept, []byte(chatML), 0o600))
	_, err = h.cat.Open(t.Context(), m)
	require.Equal(t, catalog.FileChanged, catalog.FileFault(err), "another template: threat M4")
	require.NoError(t, os.Remove(kept))
	_, err = h.open(t, "bare").Guard(m)
	require.Error(t, err)
}

// A removed model takes its template along, but not beside an import, and not one that another model has.
func TestATemplateGoesWithItsLastModel(t *testing.T) {
	h := newHouse(t)
	template := write(t, "t.jinja", []byte(verdict))
	for _, id := range []string{"one", "two"} {
		_, err := h.take(t, catalog.ImportRequest{Path: write(t, id+".gguf", tiny(t, "").Join()), Template: template})
		require.NoError(t, err)
	}
	require.Len(t, h.stored(t), 2, "the same bytes, and one template")
	remove := func(id string) {
		_, err := h.cat.Remove(t.Context(), system(), catalog.Change{ID: id})
		require.NoError(t, err)
	}
	remove("one")
	require.Len(t, h.stored(t), 2)
	lock, err := os.OpenFile(filepath.Join(h.dir, "models", ".import.lock"), os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	remove("two")
	require.Len(t, h.stored(t), 2, "an import may be about to name them")
	require.NoError(t, lock.Close())
	_, err = h.take(t, catalog.ImportRequest{Path: write(t, "three.gguf", tiny(t, chatML).Join())})
	require.NoError(t, err)
	remove("three")
	require.Empty(t, h.stored(t))
}

func TestAModelInSeveralFiles(t *testing.T) {
	h := newHouse(t)
	whole := tiny(t, verdict)
	dir := t.TempDir()
	parts := whole.Cut(5)
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("Big-%05d-of-%05d.gguf", i+1, len(parts))) }
	for i, b := range parts {
		require.NoError(t, os.WriteFile(name(i), b, 0o600))
	}
	var stages []string
	last := map[string]float64{}
	m, err := h.take(t, catalog.ImportRequest{Path: name(0), Told: func(stage string, done float64) {
		if !slices.Contains(stages, stage) {
			stages = append(stages, stage)
		}
		require.GreaterOrEqual(t, done, last[stage], stage)
		last[stage] = done
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"hashing", "copying", "trying"}, stages)
	require.Equal(t, map[string]float64{"hashing": 1, "copying": 1, "trying": 1}, last)
	require.Equal(t, "big", m.ID)
	require.Len(t, h.stored(t), 1)
	hashes, ok := h.rows(t)[0].Details["parts_sha256"].([]any)
	require.True(t, ok)
	require.Len(t, hashes, len(parts))
	_, err = h.open(t, "big").Guard(m)
	require.NoError(t, err)

	_, err = h.take(t, catalog.ImportRequest{Path: name(1), ID: "second"})
	require.ErrorContains(t, err, "import the first")
	require.NoError(t, os.Remove(name(2)))
	_, err = h.take(t, catalog.ImportRequest{Path: name(0), ID: "gap"})
	require.ErrorContains(t, err, "not there")
	require.NoError(t, os.WriteFile(name(2), parts[1], 0o600))
	_, err = h.take(t, catalog.ImportRequest{Path: name(0), ID: "twice"})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Len(t, h.stored(t), 1)
}

// swapper is a copy during which a part changes: it was hashed, and is not read yet.
type swapper struct {
	io.Writer
	swap func()
	once sync.Once
}

func (s *swapper) Write(b []byte) (int, error) {
	s.once.Do(s.swap)
	return s.Writer.Write(b)
}

// threat M4: the hashes of the parts are those of the bytes that were joined.
func TestAPartThatChangesDuringTheCopyIsRefused(t *testing.T) {
	dir := t.TempDir()
	parts := tiny(t, verdict).Cut(5)
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("big-%05d-of-%05d.gguf", i+1, len(parts))) }
	for i, b := range parts {
		require.NoError(t, os.WriteFile(name(i), b, 0o600))
		require.NoError(t, os.Chtimes(name(i), time.Unix(1, 0), time.Unix(1, 0))) // else the change could fall into the same tick
	}
	require.NoError(t, catalog.CopySource(t.Context(), name(0), io.Discard))
	other := bytes.Clone(parts[1])
	other[len(other)-1] ^= 1
	err := catalog.CopySource(t.Context(), name(0), &swapper{Writer: io.Discard, swap: func() {
		require.NoError(t, os.WriteFile(name(1), other, 0o600))
	}})
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	require.ErrorContains(t, err, "the file changed while it was being copied")
}

// threat M9: with a list of hashes nothing else is let in.
func TestOnlyListedHashesAreImported(t *testing.T) {
	h := newHouse(t)
	path := write(t, "g.gguf", tiny(t, verdict).Join())
	o := h.options()
	o.Allowed = []string{strings.Repeat("0", 64)}
	h.cat = catalog.New(h.db, h.guard, o)
	_, err := h.take(t, catalog.ImportRequest{Path: path})
	require.Equal(t, fault.Unprocessable, fault.CodeOf(err))
	require.Empty(t, h.stored(t))
	_, sum, found := strings.Cut(fault.From(err).Message, "SHA-256, ")
	require.True(t, found)
	o.Allowed = append(o.Allowed, sum[:64])
	h.cat = catalog.New(h.db, h.guard, o)
	m, err := h.take(t, catalog.ImportRequest{Path: path})
	require.NoError(t, err)
	require.Equal(t, sum[:64], m.SHA256)
}

// threat M3: what a trial load does not survive leaves nothing but its refusal.
func TestWhatCannotBeTriedIsNotImported(t *testing.T) {
	path := write(t, "g.gguf", tiny(t, verdict).Join())
	for name, try := range map[string]func(context.Context, *os.File, []int32) error{
		"nothing can try it": nil,
		"it crashed": func(context.Context, *os.File, []int32) error {
			return fault.New(fault.Invalid, "the model file is refused: it crashed")
		},
	} {
		h := newHouse(t)
		o := h.options()
		o.Try = try
		h.cat = catalog.New(h.db, h.guard, o)
		_, err := h.take(t, catalog.ImportRequest{Path: path})
		require.Error(t, err, name)
		h.nothingHappened(t)
	}
	h := newHouse(t)
	o := h.options()
	o.Try = func(_ context.Context, f *os.File, prompt []int32) error {
		if _, err := f.Write([]byte{0}); err == nil || len(prompt) < 2 {
			return errors.New("it can be written to, or is asked nothing")
		}
		return nil
	}
	h.cat = catalog.New(h.db, h.guard, o)
	_, err := h.take(t, catalog.ImportRequest{Path: path})
	require.NoError(t, err)
}
