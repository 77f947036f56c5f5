package catalog_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/models"
)

func TestAnIDIsNeverUsedAgain(t *testing.T) {
	h := newHouse(t)
	r := catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "once"}
	_, err := h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err)
	_, err = h.cat.Import(t.Context(), system(), r)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Len(t, h.stored(t), 1, "the file of the first import is still there")

	require.NoError(t, h.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE models SET removed_at = 1 WHERE id = 'once'")
		return err
	}))
	_, err = h.cat.Import(t.Context(), system(), r)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	_, err = h.cat.Resolve(t.Context(), "once")
	require.NoError(t, err, "this process has not looked again yet")
	changed, err := h.cat.Refresh(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	_, err = h.cat.Resolve(t.Context(), "once")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestImportingAgainWithAllowOpensTheModel(t *testing.T) {
	h := newHouse(t)
	r := catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "closed"}
	_, err := h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err)
	r.Allow = []string{"role:reviewer"}
	_, err = h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err, "the one command that opens it")
	rita := access.Principal{Kind: access.KindUser, UserID: "usr_rita", Name: "rita", Role: "reviewer"}
	require.NoError(t, h.guard.Reload(t.Context()))
	require.Equal(t, []string{"closed"}, h.guard.VisibleModels(rita, []string{"closed"}))

	other := append([]byte(nil), models.GuardNano...)
	other[len(other)-1] ^= 1 // other weights under a taken id
	r.Path = write(t, "other.gguf", other)
	_, err = h.cat.Import(t.Context(), system(), r)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}

// To open what is embedded needs its bytes for a moment only.
func TestOpeningAnEmbeddedModelLeavesNoFile(t *testing.T) {
	h := newHouse(t)
	r := catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "guard-nano", Allow: []string{"role:reviewer"}}
	m, err := h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err)
	require.Equal(t, catalog.OriginEmbedded, m.Origin)
	require.Empty(t, h.stored(t))
	h.open(t, "guard-nano")
	r.Template = write(t, "t.jinja", []byte(ownTemplate(t)+"{# mine #}"))
	_, err = h.cat.Import(t.Context(), system(), r)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Empty(t, h.stored(t))
}

// A model runs with the template that it came with: to open it under another is refused, and leaves none.
func TestOpeningAModelUnderAnotherTemplate(t *testing.T) {
	h := newHouse(t)
	r := catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "one", Template: write(t, "t.jinja", []byte(ownTemplate(t)+"{# one #}"))}
	one, err := h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err)
	kept := h.stored(t)
	require.Len(t, kept, 2)
	r.Allow, r.Template = []string{"role:reviewer"}, write(t, "u.jinja", []byte(ownTemplate(t)+"{# another #}"))
	_, err = h.cat.Import(t.Context(), system(), r)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.Equal(t, "template", fault.From(err).Field)
	require.Equal(t, kept, h.stored(t))
	r.Template = ""
	again, err := h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err)
	require.Equal(t, one.TemplateSHA256, again.TemplateSHA256, "it answers what runs")
	require.Equal(t, kept, h.stored(t))
	h.open(t, "one")
}

// A refused import of a removed model's bytes leaves none of them behind: a row that was removed names nothing.
func TestARefusedImportOfARemovedModelLeavesNothing(t *testing.T) {
	h := newHouse(t)
	r := catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "once", Template: write(t, "t.jinja", []byte(ownTemplate(t)))}
	_, err := h.cat.Import(t.Context(), system(), r)
	require.NoError(t, err)
	require.Len(t, h.stored(t), 2)
	_, err = h.cat.Remove(t.Context(), system(), catalog.Change{ID: "once"})
	require.NoError(t, err)
	require.Empty(t, h.stored(t))
	for name, refused := range map[string]catalog.ImportRequest{
		"the used id":          {Path: r.Path, Template: r.Template, ID: "once"},
		"the used id, allowed": {Path: r.Path, Template: r.Template, ID: "once", Allow: []string{"role:reviewer"}},
		"nobody of that name":  {Path: r.Path, Template: r.Template, ID: "twice", Allow: []string{"role:nobody-has-this"}},
	} {
		_, err = h.cat.Import(t.Context(), system(), refused)
		require.Contains(t, []fault.Code{fault.Conflict, fault.Unprocessable}, fault.CodeOf(err), name)
		require.Empty(t, h.stored(t), name)
	}
}

// A used id is refused before anything is copied or tried.
func TestAUsedIDIsRefusedBeforeTheCopy(t *testing.T) {
	h := newHouse(t)
	o := h.options()
	o.Try = func(context.Context, *os.File, []int32) error { return errors.New("it was tried") }
	h.cat = catalog.New(h.db, h.guard, o)
	_, err := h.cat.Import(t.Context(), system(), catalog.ImportRequest{Path: write(t, "g.gguf", models.GuardNano), ID: "guard-nano"})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
}
