package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// threat A3: also what our own key signed is no bearer unless it has the one form; whatever it is, nobody but the session's
// user comes of it.
func FuzzSignedBearer(f *testing.F) {
	b := newBench(f)
	u := b.user("rita", "reviewer")
	b.user("olga", "admin")
	in := b.login("rita", false)
	private := b.signer().private
	parts := strings.Split(in.AccessToken, ".")
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(f, err)
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(f, err)
	for _, c := range []string{
		string(claims), "{}", "null", "[]", `{"exp":1e400}`, `{"exp":9e18,"sub":[],"sid":{}}`, strings.Replace(string(claims), `"epoch":1`, `"epoch":-1`, 1),
		strings.Replace(string(claims), `"exp":`, `"exp":9`, 1), strings.Replace(string(claims), `"aud":["guardhouse"]`, `"aud":"guardhouse"`, 1),
		string(claims) + string(claims), strings.Repeat("[", 3000),
	} {
		f.Add(string(header), c)
	}
	for _, h := range []string{"{}", "null", strings.Replace(string(header), "EdDSA", "none", 1), strings.Replace(string(header), "EdDSA", "HS256", 1), strings.Replace(string(header), "{", `{"crit":[],`, 1)} {
		f.Add(h, string(claims))
	}
	f.Fuzz(func(t *testing.T, header, claims string) {
		text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		token := text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(text)))
		p, err := b.Authenticate(context.Background(), Credential{Bearer: token}, origin())
		if err != nil {
			requireCode(t, fault.Unauthenticated, err)
			require.Zero(t, p)
			return
		}
		require.Equal(t, u.ID, p.UserID)
		require.Equal(t, in.SessionID, p.SessionID)
		require.True(t, p.Until.After(b.clock.Now()))
		var h map[string]any
		require.NoError(t, json.Unmarshal([]byte(header), &h))
		require.NotContains(t, h, "crit")
		require.LessOrEqual(t, len(token), 4<<10)
	})
}

func FuzzRefreshToken(f *testing.F) {
	b := newBench(f)
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	for _, seed := range []string{"", "x", in.CookieToken, in.AccessToken, hashToken(in.RefreshToken), strings.Repeat("A", tokenLen), in.RefreshToken + "=", in.RefreshToken[1:], "' OR 1=1-- ' OR 1=1-- ' OR 1=1-- ' OR 1=1--", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if token == in.RefreshToken {
			return
		}
		out, err := b.RefreshProgram(context.Background(), origin(), token)
		requireCode(t, fault.Unauthenticated, err)
		require.Zero(t, out)
	})
}

func FuzzCookieToken(f *testing.F) {
	b := newBench(f)
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	for _, seed := range []string{"", in.CookieToken, in.CookieToken + "=", strings.ToLower(in.CookieToken), in.SessionID, hashToken(in.CookieToken), strings.Repeat("\xff", tokenLen), "%", "' OR 1=1-- ' OR 1=1-- ' OR 1=1-- ' OR 1=1--"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := b.Authenticate(context.Background(), Credential{Cookie: token}, origin())
		if token == in.CookieToken {
			require.NoError(t, err)
			return
		}
		requireCode(t, fault.Unauthenticated, err)
		require.Zero(t, p)
	})
}
