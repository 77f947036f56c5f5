package auth

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/auth/secretfile"
	"guardhouse/internal/fault"
)

const (
	goodSecret = "Zq3vN8sLw1xYt6Rk0BcJf5HdPm2GuEa9"
	// ours is the issuer and the audience of our bearers.
	ours = "guardhouse"
)

// signer is the key that signs bearers, as any process finds it in the folder.
type signer struct {
	kid     string
	private ed25519.PrivateKey
}

func (b *bench) signer() signer {
	b.t.Helper()
	files := b.keyFiles() // named by the time they were made
	newest := files[len(files)-1]
	seed, err := os.ReadFile(newest)
	require.NoError(b.t, err)
	id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(newest), "jwt-"), ".key")
	return signer{"ed-" + id, ed25519.NewKeyFromSeed(seed)}
}

// forge makes a token of any header and claims, signed by sign (nil = no signature).
func forge(t testing.TB, header, body map[string]any, sign func(text string) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	require.NoError(t, err)
	c, err := json.Marshal(body)
	require.NoError(t, err)
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString(h) + "." + b64.EncodeToString(c)
	if sign == nil {
		return text + "."
	}
	return text + "." + b64.EncodeToString(sign(text))
}

func hs256(key []byte) func(string) []byte {
	return func(text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
}

func with(m map[string]any, changes ...any) map[string]any {
	out := maps.Clone(m)
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(out, changes[i].(string))
			continue
		}
		out[changes[i].(string)] = changes[i+1]
	}
	return out
}

// threat A3
func TestBearerMatrix(t *testing.T) {
	b := newBench(t)
	rita, olaf := b.user("rita", "reviewer"), b.user("olaf", "admin")
	in := b.login("rita", false)
	key := b.signer()
	private := key.private
	public := []byte(private.Public().(ed25519.PublicKey))
	ed := func(text string) []byte { return ed25519.Sign(private, []byte(text)) }
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)

	now := b.clock.Now().Unix()
	head := map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": key.kid}
	body := map[string]any{
		"iss": ours, "aud": ours, "sub": rita.ID, "sid": in.SessionID, "epoch": 1, "iat": now, "exp": now + 60,
	}
	p, err := b.Authenticate(context.Background(), Credential{Bearer: forge(t, head, body, ed)}, origin())
	require.NoError(t, err, "the forge itself makes good tokens")
	require.Equal(t, "rita", p.Name)

	second := b.rotateKey(Rotation{})
	issued := strings.Split(in.AccessToken, ".")
	bad := map[string]string{
		"none":                     forge(t, with(head, "alg", "none"), body, nil),
		"none, other case":         forge(t, with(head, "alg", "nOnE"), body, nil),
		"none, good signature":     forge(t, with(head, "alg", "none"), body, ed),
		"no signature":             forge(t, head, body, nil),
		"HS256 by the public key":  forge(t, with(head, "alg", "HS256"), body, hs256(public)),
		"HS256 by its base64":      forge(t, with(head, "alg", "HS256"), body, hs256([]byte(base64.StdEncoding.EncodeToString(public)))),
		"HS256 by nothing":         forge(t, with(head, "alg", "HS256"), body, hs256(nil)),
		"HS256 by the kid":         forge(t, with(head, "alg", "HS256"), body, hs256([]byte(key.kid))),
		"RS256":                    forge(t, with(head, "alg", "RS256"), body, func(s string) []byte { return signRSA(t, rsaKey, s) }),
		"no alg":                   forge(t, with(head, "alg", nil), body, ed),
		"alg is a number":          forge(t, with(head, "alg", 1), body, ed),
		"wrong kid":                forge(t, with(head, "kid", "ed-other"), body, ed),
		"no kid":                   forge(t, with(head, "kid", nil), body, ed),
		"empty kid":                forge(t, with(head, "kid", ""), body, ed),
		"kid is a list":            forge(t, with(head, "kid", []string{key.kid}), body, ed),
		"kid is a path":            forge(t, with(head, "kid", "../../root.key"), body, ed),
		"crit":                     forge(t, with(head, "crit", []string{"b64"}, "b64", false), body, ed),
		"jwk":                      forge(t, with(head, "jwk", map[string]any{"kty": "OKP"}), body, ed),
		"jku":                      forge(t, with(head, "jku", "https://evil.example/keys"), body, ed),
		"another's key":            forge(t, head, body, func(s string) []byte { return ed25519.Sign(stranger, []byte(s)) }),
		"expired":                  forge(t, head, with(body, "exp", now), ed),
		"expired long ago":         forge(t, head, with(body, "exp", 1), ed),
		"no exp":                   forge(t, head, with(body, "exp", nil), ed),
		"exp is text":              forge(t, head, with(body, "exp", "tomorrow"), ed),
		"exp is null":              forge(t, head, map[string]any{"iss": ours, "aud": ours, "sub": rita.ID, "sid": in.SessionID, "epoch": 1, "exp": nil}, ed),
		"kid of another of ours":   forge(t, with(head, "kid", second), body, ed),
		"typ is crit":              forge(t, with(head, "typ", nil, "crit", []string{"exp"}), body, ed),
		"no iat":                   forge(t, head, with(body, "iat", nil), ed),
		"iat is text":              forge(t, head, with(body, "iat", "now"), ed),
		"exp past all numbers":     forgeRaw(head, `{"iss":"guardhouse","aud":"guardhouse","sub":"`+rita.ID+`","sid":"`+in.SessionID+`","epoch":1,"iat":1,"exp":1e400}`, ed),
		"iss is a list":            forge(t, head, with(body, "iss", []string{ours}), ed),
		"aud holds ours in a name": forge(t, head, with(body, "aud", []string{"guardhouse.example"}), ed),
		"sub is a list":            forge(t, head, with(body, "sub", []string{rita.ID}), ed),
		"epoch is text":            forge(t, head, with(body, "epoch", "1"), ed),
		"issued later":             forge(t, head, with(body, "iat", now+50), ed),
		"not before later":         forge(t, head, with(body, "nbf", now+50), ed),
		"wrong iss":                forge(t, head, with(body, "iss", "other"), ed),
		"no iss":                   forge(t, head, with(body, "iss", nil), ed),
		"wrong aud":                forge(t, head, with(body, "aud", "other"), ed),
		"no aud":                   forge(t, head, with(body, "aud", nil), ed),
		"empty aud":                forge(t, head, with(body, "aud", []string{}), ed),
		"no sub":                   forge(t, head, with(body, "sub", nil), ed),
		"another's sub":            forge(t, head, with(body, "sub", olaf.ID), ed),
		"no sid":                   forge(t, head, with(body, "sid", nil), ed),
		"unknown sid":              forge(t, head, with(body, "sid", "ses_x"), ed),
		"a browser's sid":          forge(t, head, with(body, "sid", b.login("rita", true).SessionID), ed),
		"another's sid":            forge(t, head, with(body, "sid", b.login("olaf", false).SessionID), ed),
		"older epoch":              forge(t, head, with(body, "epoch", 0), ed),
		"no epoch":                 forge(t, head, with(body, "epoch", nil), ed),
		"later epoch":              forge(t, head, with(body, "epoch", 2), ed),
		"role in the token":        forge(t, head, with(body, "role", "admin", "epoch", 2), ed),
		"claims changed":           issued[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+olaf.ID+`"}`)) + "." + issued[2],
		"signature cut":            in.AccessToken[:len(in.AccessToken)-2],
		"signature with padding":   in.AccessToken + "==",
		"signature, other bits":    in.AccessToken[:len(in.AccessToken)-1] + "_",
		"four parts":               in.AccessToken + ".x",
		"two parts":                issued[0] + "." + issued[1],
		"dots":                     "..",
		"space around":             " " + in.AccessToken,
		"two tokens":               in.AccessToken + "," + in.AccessToken,
		"header is no JSON":        base64.RawURLEncoding.EncodeToString([]byte("x")) + "." + issued[1] + "." + issued[2],
		"header is null":           base64.RawURLEncoding.EncodeToString([]byte("null")) + "." + issued[1] + "." + issued[2],
		"claims are null":          forgeRaw(head, "null", ed),
		"claims are a list":        forgeRaw(head, "[]", ed),
		"claims are deep":          forgeRaw(head, strings.Repeat("[", 2000)+strings.Repeat("]", 2000), ed),
		"over 4 KiB, else good":    forge(t, head, with(body, "pad", strings.Repeat("x", 4<<10)), ed),
		"line break in signature":  in.AccessToken[:len(in.AccessToken)-10] + "\n" + in.AccessToken[len(in.AccessToken)-10:],
		"a NUL":                    in.AccessToken + "\x00",
		"an API key's prefix":      keyPrefix + in.AccessToken,
		"the refresh token":        in.RefreshToken,
		"base64 of another family": strings.ReplaceAll(in.AccessToken, "-", "+") + "+",
	}
	for name, token := range bad {
		t.Run(name, func(t *testing.T) { requireRefused(t, b, Credential{Bearer: token}) })
	}
	_, err = b.Authenticate(context.Background(), Credential{Bearer: in.AccessToken}, origin())
	require.NoError(t, err, "and the good one still is")
}

func forgeRaw(header map[string]any, body string, sign func(string) []byte) string {
	h, _ := json.Marshal(header)
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString([]byte(body))
	return text + "." + base64.RawURLEncoding.EncodeToString(sign(text))
}

func signRSA(t *testing.T, key *rsa.PrivateKey, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	require.NoError(t, err)
	return sig
}

// threat A3
func TestAMillionDotsCostNothing(t *testing.T) {
	b := newBench(t)
	for _, token := range []string{strings.Repeat(".", 1<<20), strings.Repeat("a.", 1<<19), strings.Repeat("A", 1<<20), keyPrefix + strings.Repeat(".", 1<<20)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			requireRefused(t, b, Credential{Bearer: token})
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "ten refusals of a megabyte allocate less than one")
	}
}

func TestHS256WithASecret(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{JWTSecret: goodSecret})
	b.user("rita", "reviewer")
	in := b.login("rita", false)
	_, err := b.Authenticate(context.Background(), Credential{Bearer: in.AccessToken}, origin())
	require.NoError(t, err)
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(in.AccessToken, ".")[0])
	require.NoError(t, err)
	require.Contains(t, string(header), `"alg":"HS256"`)
	require.Contains(t, string(header), `"kid":"hs-`)

	// Never both: with a secret no Ed25519 bearer is good, without it no HS256 one.
	plain := newBenchIn(t, dir, c, Options{})
	requireRefused(t, plain, Credential{Bearer: in.AccessToken})
	requireRefused(t, b, Credential{Bearer: plain.login("rita", false).AccessToken})

	other := newBenchIn(t, dir, c, Options{JWTSecret: strings.ToLower(goodSecret)})
	requireRefused(t, other, Credential{Bearer: in.AccessToken})
}

func TestServiceRefusesLongLives(t *testing.T) {
	b := newBench(t)
	for _, o := range []Options{{AccessTTL: 25 * time.Hour}, {AccessTTL: -1}, {SessionIdle: -1}, {SessionMax: -1}, {JWTSecret: "short"}} {
		o.DataDir = b.dir
		_, err := New(b.db, b.guard, o)
		requireCode(t, fault.Invalid, err)
	}
}

func TestBearerKeysRotateWithoutSigningAnybodyOut(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{AccessTTL: 24 * time.Hour})
	b.user("rita", "reviewer")
	c.Advance(rotateAfter - time.Hour)
	old := b.login("rita", false)
	c.Advance(time.Hour)
	fresh := b.login("rita", false)
	require.NotEqual(t, kidIn(t, old.AccessToken), kidIn(t, fresh.AccessToken))
	for _, s := range []*bench{b, newBenchIn(t, dir, c, Options{AccessTTL: 24 * time.Hour})} {
		for _, in := range []SignIn{old, fresh} {
			_, err := s.Authenticate(context.Background(), Credential{Bearer: in.AccessToken}, origin())
			require.NoError(t, err)
		}
	}
	require.Len(t, b.keyFiles(), 2)

	// The first key verifies for as long as its last bearer may live, then it is gone, file and all.
	c.Advance(retireAfter)
	require.False(t, b.ring.Verifies(kidIn(t, old.AccessToken)))
	c.Advance(rotateAfter - retireAfter)
	b.login("rita", false)
	require.Len(t, b.keyFiles(), 2)
	files, err := os.ReadDir(filepath.Join(dir, secretfile.Folder))
	require.NoError(t, err)
	require.Len(t, files, 3, "the root key and two bearer keys")
}
