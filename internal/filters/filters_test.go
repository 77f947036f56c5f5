package filters_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/filters"
)

// opened answers a service over a database with two people.
func opened(t *testing.T) (*db.DB, *filters.Service) {
	t.Helper()
	d := apptest.OpenDB(t)
	require.NoError(t, d.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO users (id, kind, username, username_key, role, status, created_at, updated_at)
			VALUES ('usr_a', 'person', 'alice', 'alice', 'admin', 'active', 1, 1), ('usr_b', 'person', 'bob', 'bob', 'admin', 'active', 1, 1)`)
		return err
	}))
	return d, filters.Open(d)
}

func names(t *testing.T, s *filters.Service, user, page string) []string {
	t.Helper()
	list, err := s.List(t.Context(), user, page)
	require.NoError(t, err)
	out := []string{}
	for _, f := range list {
		out = append(out, f.Page+":"+f.Name)
	}
	return out
}

func TestSaveListDelete(t *testing.T) {
	_, s := opened(t)
	saved, err := s.Save("usr_a", filters.New{Page: "audit", Name: "  Wei’s refusals ", Query: "?decision=deny&actor=wei%20ming&range=7d"})
	require.NoError(t, err)
	require.Equal(t, "Wei’s refusals", saved.Name)
	require.Equal(t, "actor=wei+ming&decision=deny&range=7d", saved.Query)
	_, err = s.Save("usr_a", filters.New{Page: "audit", Name: "errors", Query: "decision=error"})
	require.NoError(t, err)
	_, err = s.Save("usr_a", filters.New{Page: "history", Name: "Errors", Query: "severity=Unsafe"})
	require.NoError(t, err)
	require.Equal(t, []string{"audit:errors", "audit:Wei’s refusals"}, names(t, s, "usr_a", "audit"), "by name")
	require.Equal(t, []string{"audit:errors", "audit:Wei’s refusals", "history:Errors"}, names(t, s, "usr_a", ""))
	require.Empty(t, names(t, s, "usr_b", ""), "nobody sees another's")

	for user, id := range map[string]string{"usr_b": saved.ID, "usr_a": "flt_unknown"} {
		require.Equal(t, fault.NotFound, fault.CodeOf(s.Delete(user, id)))
	}
	require.NoError(t, s.Delete("usr_a", saved.ID))
	require.Equal(t, fault.NotFound, fault.CodeOf(s.Delete("usr_a", saved.ID)))
	_, err = s.Save("usr_a", filters.New{Page: "audit", Name: saved.Name, Query: saved.Query})
	require.NoError(t, err, "a name is free again: a deletion can be taken back")
}

func TestNamesAreOnePersonsOnOnePage(t *testing.T) {
	_, s := opened(t)
	n := filters.New{Page: "audit", Name: "Straße", Query: "q=a"}
	_, err := s.Save("usr_a", n)
	require.NoError(t, err)
	for _, same := range []string{"Straße", "STRASSE", "ｓｔｒａｓｓｅ", " straße "} {
		n.Name = same
		_, err := s.Save("usr_a", n)
		require.Equal(t, fault.Conflict, fault.CodeOf(err), same)
		require.Equal(t, "name", fault.From(err).Field)
	}
	_, err = s.Save("usr_b", n)
	require.NoError(t, err)
	n.Page = "history"
	n.Query = "model=a"
	_, err = s.Save("usr_a", n)
	require.NoError(t, err)
}

func TestAtMostFifty(t *testing.T) {
	_, s := opened(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[fault.Code]int{}
	for i := range 60 {
		wg.Go(func() {
			_, err := s.Save("usr_a", filters.New{Page: filters.Pages()[i%2], Name: fmt.Sprint("n", i), Query: "model=m"})
			mu.Lock()
			defer mu.Unlock()
			codes[fault.CodeOf(err)]++
		})
	}
	wg.Wait()
	require.Equal(t, map[fault.Code]int{"": 50, fault.Conflict: 10}, codes)
	require.Len(t, names(t, s, "usr_a", ""), 50)
}

func TestSaveRefuses(t *testing.T) {
	_, s := opened(t)
	for name, c := range map[string]struct {
		n     filters.New
		field string
	}{
		"no page":          {filters.New{Page: "", Name: "n", Query: "q=a"}, "page"},
		"another page":     {filters.New{Page: "users", Name: "n", Query: "q=a"}, "page"},
		"no name":          {filters.New{Page: "audit", Name: "  ", Query: "q=a"}, "name"},
		"long name":        {filters.New{Page: "audit", Name: strings.Repeat("名", 61), Query: "q=a"}, "name"},
		"two lines":        {filters.New{Page: "audit", Name: "a\nb", Query: "q=a"}, "name"},
		"turned name":      {filters.New{Page: "audit", Name: "a\u202eb", Query: "q=a"}, "name"},
		"broken name":      {filters.New{Page: "audit", Name: "a\xff", Query: "q=a"}, "name"},
		"no query":         {filters.New{Page: "audit", Name: "n", Query: ""}, "query"},
		"question mark":    {filters.New{Page: "audit", Name: "n", Query: "?"}, "query"},
		"unknown":          {filters.New{Page: "audit", Name: "n", Query: "q=a&cursor=1"}, "query"},
		"of another page":  {filters.New{Page: "audit", Name: "n", Query: "severity=Safe"}, "query"},
		"twice":            {filters.New{Page: "audit", Name: "n", Query: "q=a&q=b"}, "query"},
		"empty value":      {filters.New{Page: "audit", Name: "n", Query: "q="}, "query"},
		"decision":         {filters.New{Page: "audit", Name: "n", Query: "decision=maybe"}, "query"},
		"moment":           {filters.New{Page: "audit", Name: "n", Query: "from=yesterday"}, "query"},
		"view":             {filters.New{Page: "audit", Name: "n", Query: "view=javascript:1"}, "query"},
		"semicolon":        {filters.New{Page: "audit", Name: "n", Query: "q=a;b"}, "query"},
		"escape":           {filters.New{Page: "audit", Name: "n", Query: "q=%zz"}, "query"},
		"control":          {filters.New{Page: "audit", Name: "n", Query: "q=%00"}, "query"},
		"no text":          {filters.New{Page: "audit", Name: "n", Query: "q=%ff"}, "query"},
		"long value":       {filters.New{Page: "audit", Name: "n", Query: "q=" + strings.Repeat("a", 129)}, "query"},
		"long query":       {filters.New{Page: "audit", Name: "n", Query: "q=" + strings.Repeat("%20", 400)}, "query"},
		"long when kept":   {filters.New{Page: "audit", Name: "n", Query: "q=" + strings.Repeat("名", 128)}, "query"},
		"severity's range": {filters.New{Page: "history", Name: "n", Query: "severity=safe"}, "query"},
	} {
		_, err := s.Save("usr_a", c.n)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.Equal(t, c.field, fault.From(err).Field, name)
	}
	_, err := s.List(t.Context(), "usr_a", "users")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	for _, nobody := range []string{"", "usr_unknown"} {
		_, err = s.Save(nobody, filters.New{Page: "audit", Name: "n", Query: "q=a"})
		require.Equal(t, fault.Forbidden, fault.CodeOf(err))
	}
	require.Empty(t, names(t, s, "usr_a", ""))
}

// Whatever a page writes into its address can be kept and comes back as it was.
func TestWhatPagesWriteIsKept(t *testing.T) {
	_, s := opened(t)
	for i, n := range []filters.New{
		{Page: "audit", Query: "action=auth.login&actor=user%3Awei&decision=deny&from=2026-11-20T00%3A00%3A00.000Z&ip=2001%3Adb8%3A%3A1&model=guard-nano&order=oldest&q=%E5%8C%BB%E7%94%9F&request_id=req_1&to=2026-11-21T00%3A00%3A00.000Z&view=timeline"},
		{Page: "history", Query: "action=block&model=m&range=30d&request_id=req_1&scope=own&severity=Unsafe"},
	} {
		n.Name = fmt.Sprint(i)
		f, err := s.Save("usr_a", n)
		require.NoError(t, err)
		require.Equal(t, n.Query, f.Query)
	}
}
