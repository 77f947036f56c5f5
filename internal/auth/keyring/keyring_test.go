package keyring

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/internal/fault"
)

func newClock() *apptest.Clock {
	return apptest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
}

func open(t testing.TB, dir string, c *apptest.Clock) *Ring {
	t.Helper()
	r, err := Open(Options{DataDir: dir, Now: c.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return r
}

func claimsAt(c *apptest.Clock) Claims {
	return Claims{UserID: "usr_a", SessionID: "ses_b", Epoch: 7, IssuedAt: c.Now(), Until: c.Now().Add(time.Minute)}
}

func TestABearerSaysWhatWasIssued(t *testing.T) {
	c := newClock()
	r := open(t, t.TempDir(), c)
	token, err := r.Issue(claimsAt(c))
	require.NoError(t, err)
	got, kid, err := r.Parse(token)
	require.NoError(t, err)
	require.True(t, r.Verifies(kid))
	want := claimsAt(c)
	require.True(t, want.IssuedAt.Equal(got.IssuedAt))
	require.True(t, want.Until.Equal(got.Until))
	got.IssuedAt, got.Until = want.IssuedAt, want.Until
	require.Equal(t, want, got)
	c.Advance(time.Minute)
	got, kid, err = r.Parse(token)
	require.ErrorIs(t, err, errBearer)
	require.Zero(t, got)
	require.Empty(t, kid)
}

// sign makes a bearer of any header and claims with the key that signs.
func (r *Ring) sign(t testing.TB, header, body string) string {
	t.Helper()
	key, err := r.active()
	require.NoError(t, err)
	private, ok := key.sign.(ed25519.PrivateKey)
	require.True(t, ok)
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(text)))
}

// threat A3: invented kids cost a bounded number of looks at the folder, whatever is sent.
func TestStrangersKidsDontMakeTheDiskBusy(t *testing.T) {
	c := newClock()
	r := open(t, t.TempDir(), c)
	good, err := r.Issue(claimsAt(c))
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(good, ".")[1])
	require.NoError(t, err)
	looks := func(kid string, n int) (looked int) {
		header, err := json.Marshal(map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": kid})
		require.NoError(t, err)
		token := r.sign(t, string(header), string(raw))
		for range n {
			before := r.strange
			_, _, err := r.Parse(token)
			require.ErrorIs(t, err, errBearer)
			if !r.strange.Equal(before) {
				looked++
			}
		}
		return looked
	}
	for _, kid := range []string{"", "ed-", "x", "../../root.key", "ed-../../root", "hs-0123456789abcdef", "ED-01arz3ndektsv4rrffq69g5fav", "ed-01ARZ3NDEKTSV4RRFFQ69G5FAV"} {
		require.Zero(t, looks(kid, 3), "%q can't be the name of a file of ours", kid)
	}
	const invented = "ed-01arz3ndektsv4rrffq69g5fav"
	require.Equal(t, 1, looks(invented, 1000))
	c.Advance(strangeEvery - time.Millisecond)
	require.Zero(t, looks(invented, 1000))
	c.Advance(time.Millisecond)
	require.Equal(t, 1, looks(invented, 1000))
	_, _, err = r.Parse(good)
	require.NoError(t, err)
}

func TestAKeyThatOthersCanReadRefusesStart(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	r := open(t, dir, c)
	path := r.path(r.keys[0].kid)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = Open(Options{DataDir: dir, Now: c.Now, Log: slog.New(slog.DiscardHandler)})
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
}

// The pages name these, and the tests of auth count on them.
func TestTimesOfAKey(t *testing.T) {
	require.Equal(t, 24*time.Hour, MaxLife)
	require.Equal(t, 90*24*time.Hour, rotateAfter)
	require.Equal(t, 24*time.Hour+time.Minute, retireAfter)
	require.Equal(t, time.Second, lookEvery)
	require.Equal(t, 4096, maxBearer)
}

func TestSecretTypesRedactThemselves(t *testing.T) {
	const planted = "PLANTED-SECRET"
	key := signingKey{kid: "ed-x", sign: []byte(planted), verify: []byte(planted)}
	ring := &Ring{keys: []signingKey{key}}
	for _, v := range []any{Options{Secret: planted, Previous: planted}, &Options{Secret: planted}, ring, Prepared{signingKey: key}, []Prepared{{signingKey: key}}} {
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

// threat A3: whatever our own key signed, it has the one form or is refused, without a word of it.
func FuzzParse(f *testing.F) {
	c := newClock()
	r := open(f, f.TempDir(), c)
	good, err := r.Issue(claimsAt(c))
	require.NoError(f, err)
	var parts [2]string
	for i := range parts {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(good, ".")[i])
		require.NoError(f, err)
		parts[i] = string(raw)
	}
	for _, body := range []string{parts[1], "{}", "null", "[]", `{"exp":1e400}`, `{"exp":9e18,"sub":[],"sid":{}}`, strings.Repeat("[", 3000)} {
		f.Add(parts[0], body)
	}
	for _, header := range []string{"{}", "null", strings.Replace(parts[0], "EdDSA", "none", 1), strings.Replace(parts[0], "EdDSA", "HS256", 1), strings.Replace(parts[0], "{", `{"crit":[],`, 1)} {
		f.Add(header, parts[1])
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		got, kid, err := r.Parse(r.sign(t, header, body))
		if err != nil {
			require.ErrorIs(t, err, errBearer)
			require.Zero(t, got)
			return
		}
		require.NotEmpty(t, got.UserID)
		require.NotEmpty(t, got.SessionID)
		require.True(t, got.Until.After(c.Now()))
		require.True(t, r.Verifies(kid))
	})
}
