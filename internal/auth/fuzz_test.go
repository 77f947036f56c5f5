package auth

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// threat A3, threat K1: whatever is sent, the answer is Unauthenticated or the one principal that the credential is of.
func FuzzAuthenticate(f *testing.F) {
	b := newBench(f)
	b.user("rita", "reviewer")
	prog, cookie := b.login("rita", false).AccessToken, b.login("rita", true).CookieToken
	_, key := b.key(b.as("rita"), NewKey{})
	for _, seed := range []string{
		prog, key, cookie, "", "-", "..", "gh_", prog + ".", prog[:len(prog)-1], strings.ToUpper(prog), key[:61] + "0", "' OR 1=1--", "a.b.c", "\x00", "é",
		base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + ".e30.",
		base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"x","typ":"JWT"}`)) + ".e30.AAAA",
		strings.Repeat(".", 5000), "gh_0000000000" + strings.Repeat("0", 49),
	} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	f.Fuzz(func(t *testing.T, bearer, sent string) {
		p, err := b.Authenticate(context.Background(), Credential{Bearer: bearer, Cookie: sent}, origin())
		good := bearer == prog || bearer == key || bearer == "" && sent == cookie
		if !good {
			requireCode(t, fault.Unauthenticated, err)
			require.Zero(t, p)
			return
		}
		require.NoError(t, err)
		require.Equal(t, "rita", p.Name)
	})
}

func FuzzAPIKey(f *testing.F) {
	id, key, err := newAPIKey()
	require.NoError(f, err)
	for _, seed := range []string{key, id, "", "gh_", key + key, strings.Repeat("0", keyLen), key[:40] + "\xff" + key[41:], strings.Replace(key, "gh_", "GH_", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		id, ok := parseAPIKey(key)
		if !ok {
			require.Empty(t, id)
			return
		}
		require.Len(t, key, keyLen)
		require.Regexp(t, `^key_[0-9a-z]{10}$`, id)
		require.Regexp(t, keyForm, key)
		require.Equal(t, checksum(key[:keyLen-checkLen]), key[keyLen-checkLen:])
	})
}

func FuzzCursor(f *testing.F) {
	s := &Service{cursorKey: newKeys(make([]byte, rootSize)).Sub(labelCursor)}
	good := s.seal(listUsers, "usr_a", "usr_b")
	for _, seed := range []string{good, "", "x", good + "=", good[:8], s.seal(listKeys, "usr_a", "1:key_b")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		position, err := s.unseal(listUsers, "usr_a", cursor)
		switch {
		case cursor == "":
			require.NoError(t, err)
		case err != nil:
			requireCode(t, fault.Invalid, err)
			require.Empty(t, position)
		default:
			require.Equal(t, cursor, s.seal(listUsers, "usr_a", position))
		}
	})
}
