package auth

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/auth/secretfile"
	"guardhouse/internal/fault"
)

func TestSubKeysAreHKDF(t *testing.T) {
	root := bytes.Repeat([]byte{7}, rootSize)
	k := newKeys(root)
	for _, label := range []string{"key-hash", "content-hash", "cache", "cursor", "name-hash"} {
		want, err := hkdf.Key(sha256.New, root, nil, "guardhouse/"+label, 32)
		require.NoError(t, err)
		require.Equal(t, want, k.Sub(label), label)
	}
	require.NotEqual(t, k.Sub("cache"), k.Sub("cursor"))
}

func TestRootKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := OpenKeys(dir)
	require.NoError(t, err)
	again, err := OpenKeys(dir)
	require.NoError(t, err)
	require.Equal(t, first.Sub("cache"), again.Sub("cache"))

	info, err := os.Stat(filepath.Join(dir, secretfile.Folder, rootFile))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	info, err = os.Stat(filepath.Join(dir, secretfile.Folder))
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Join(dir, secretfile.Folder))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays")
}

func TestRootKeyIsOneForAllWhoStartAtOnce(t *testing.T) {
	dir := t.TempDir()
	subs := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range subs {
		wg.Go(func() {
			k, err := OpenKeys(dir)
			if err == nil {
				subs[i] = k.Sub("cache")
			}
		})
	}
	wg.Wait()
	for _, s := range subs {
		require.NotNil(t, s)
		require.Equal(t, subs[0], s)
	}
}

func TestRootKeyThatOthersCanReadRefusesStart(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenKeys(dir)
	require.NoError(t, err)
	path := filepath.Join(dir, secretfile.Folder, rootFile)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o640))
	_, err = OpenKeys(dir)
	requireCode(t, fault.Invalid, err)
	require.NotContains(t, fault.From(err).Message, dir, "a message names no path of the machine")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "it is not made anew")
}

func TestSecretTypesRedactThemselves(t *testing.T) {
	const planted = "PLANTED-SECRET"
	values := []any{
		&Keys{prk: []byte(planted)},
		SignIn{CookieToken: planted, AccessToken: planted, RefreshToken: planted},
		&SignIn{CookieToken: planted, AccessToken: planted, RefreshToken: planted},
		Credential{Bearer: planted, Cookie: planted},
		NewUser{Password: planted, Username: planted},
		Options{JWTSecret: planted, JWTSecretPrevious: planted},
		Setup{Token: planted, Password: planted},
		[]SignIn{{CookieToken: planted}},
	}
	for _, v := range values {
		var text bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&text, nil)).Info("x", slog.Group("g", "v", v))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text.WriteString(fmt.Sprintf(verb, v))
		}
		require.NotContains(t, text.String(), planted, "%T", v)
		require.NotContains(t, text.String(), fmt.Sprintf("%x", planted), "%T", v)
		require.NotContains(t, text.String(), fmt.Sprint([]byte(planted)), "%T", v)
	}
}
