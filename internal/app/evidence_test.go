package app

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth"
	"guardhouse/internal/evidence"
	"guardhouse/internal/export"
	"guardhouse/internal/fault"
	"guardhouse/internal/forward"
	"guardhouse/internal/policy"
	"guardhouse/internal/proof"
	"guardhouse/internal/rule"
	"guardhouse/internal/verify"
)

// lived is an application with something of everything that a pack holds, and the secrets that came up.
type lived struct {
	*App

	data    string
	secrets map[string]string
	late    time.Duration // how far the test has turned the clock
}

const (
	plantedSecret  = "8c1f0d5e7a2b49c6a3d4e5f60718293a4b5c6d7e"
	plantedInPath  = "T0PSECRETPATH77"
	plantedInQuery = "t0k3n-of-the-receiver"
)

func live(t *testing.T) *lived {
	t.Helper()
	data := t.TempDir()
	a := opened(t, data, "GUARDHOUSE_AUTH_JWT_SECRET="+plantedSecret, "GUARDHOUSE_AUDIT_FORWARD_HOSTS=hooks.example.com")
	l := &lived{App: a, data: data, secrets: map[string]string{
		"the secret of bearers": plantedSecret, "the path of a webhook": plantedInPath, "the query of a webhook": plantedInQuery, "a password": "a long and private sentence",
	}}
	p, ctx := SystemPrincipal("test"), t.Context()
	_, err := a.Auth.CreateUser(ctx, p, auth.NewUser{Username: "ada", Role: "admin", Password: l.secrets["a password"]})
	require.NoError(t, err)
	_, l.secrets["an API key"], err = a.Auth.CreateKey(ctx, p, auth.NewKey{Label: "nightly", UserName: "ada"}, nil)
	require.NoError(t, err)
	in, err := a.Auth.Login(ctx, p.Origin, auth.LoginRequest{Username: "ada", Password: l.secrets["a password"]})
	require.NoError(t, err)
	l.secrets["a bearer"], l.secrets["a refresh token"], l.secrets["a device"] = in.AccessToken, in.RefreshToken, in.DeviceToken
	page, err := a.Auth.Login(ctx, p.Origin, auth.LoginRequest{Username: "ada", Password: l.secrets["a password"], Browser: true})
	require.NoError(t, err)
	l.secrets["a cookie"] = page.CookieToken
	_, l.secrets["the secret of a webhook"], err = a.Forward.Create(ctx, p, forward.Wanted{
		Kind: forward.Webhook, Name: "siem", Settings: forward.Settings{URL: "https://hooks.example.com/" + plantedInPath + "?token=" + plantedInQuery, Scope: forward.Alerts},
	})
	require.NoError(t, err)
	_, err = a.Policy.PutModel(ctx, p, "guard-nano", []rule.Rule{{ID: "ward", Allow: true, Principals: []rule.Principal{{Kind: rule.KindRole, Ref: "reviewer"}}, Operations: []rule.Operation{"infer"}}}, policy.Write{Note: "for the ward"})
	require.NoError(t, err)
	require.NoError(t, a.change(t, "moderation.mode", "loose"))
	require.NoError(t, a.Checkpoints.Write(ctx, proof.CauseManual))
	_, err = a.Checkpoints.Rotate(ctx, p)
	require.NoError(t, err)
	l.stored(t)
	return l
}

// stored adds what lies in the database and in files of keys.
func (l *lived) stored(t *testing.T) {
	t.Helper()
	for what, query := range map[string]string{
		"a hash of a password": `SELECT password_hash FROM users WHERE password_hash <> ''`, "a hash of a key": `SELECT secret_hash FROM api_keys`,
		"a hash of a refresh token": `SELECT token_hash FROM refresh_tokens`, "a sealed secret": `SELECT hex(secret) FROM forward_targets`,
		"a hash of a cookie": `SELECT token_hash FROM sessions WHERE token_hash IS NOT NULL`,
	} {
		var text string
		require.NoError(t, l.DB.ReadSQL().QueryRowContext(t.Context(), query).Scan(&text), what)
		l.secrets[what] = text
	}
	require.NoError(t, filepath.WalkDir(l.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".key") && !strings.Contains(path, "secrets") {
			return err
		}
		raw, err := os.ReadFile(path)
		l.secrets[path] = strings.TrimSpace(string(raw))
		return err
	}))
}

// pack is a whole one, and what its members hold.
func (l *lived) pack(t *testing.T, from, to time.Time) ([]byte, map[string]string) {
	t.Helper()
	var out bytes.Buffer
	p, err := l.Evidence.Begin(t.Context(), SystemPrincipal("test"), from, to)
	require.NoError(t, err)
	_, err = p.Write(t.Context(), &out)
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	members := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		members[f.Name] = string(text)
	}
	return out.Bytes(), members
}

// threat S4: no secret of a server that was used is in any byte of its pack, in no spelling.
func TestAPackHoldsNoSecret(t *testing.T) {
	l := live(t)
	raw, members := l.pack(t, time.Time{}, time.Time{})
	require.Greater(t, len(l.secrets), 12)
	for what, secret := range l.secrets {
		require.GreaterOrEqual(t, len(secret), 12, what)
		plain := []byte(secret)
		spelled := []string{secret, hex.EncodeToString(plain), base64.StdEncoding.EncodeToString(plain), base64.RawURLEncoding.EncodeToString(plain), strings.ToLower(secret)}
		for body := secret; len(body) > 12; { // a shorter one stands in any text by chance
			spelled = append(spelled, body)
			_, body, _ = strings.Cut(body, "_")
		}
		if half := len(secret) / 2; half > 20 {
			spelled = append(spelled, secret[half:])
		}
		for _, s := range spelled {
			require.NotContains(t, string(raw), s, what)
			for name, text := range members {
				require.NotContains(t, text, s, "%s in %s", what, name)
			}
		}
	}
	var config struct{ Settings []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(members["config.json"]), &config))
	said := map[string]map[string]any{}
	for _, s := range config.Settings {
		said[s["key"].(string)] = s
	}
	require.Equal(t, "(hidden)", said["auth.jwt_secret"]["value"])
	require.Equal(t, "environment", said["auth.jwt_secret"]["source"])
	require.Equal(t, "loose", said["moderation.mode"]["value"])
	require.Equal(t, "console", said["moderation.mode"]["source"])
	require.NotEmpty(t, said["moderation.mode"]["event_id"])
	require.Contains(t, members["config.json"], `"address":"https://hooks.example.com/…"`)
}

// What a pack says is what the server is, and both verifiers accept it with the keys that somebody holds.
func TestAPackSaysWhatThereIs(t *testing.T) {
	l := live(t)
	keys, err := l.Checkpoints.Keys(t.Context())
	require.NoError(t, err)
	require.Len(t, keys, 2)
	raw, members := l.pack(t, time.Time{}, time.Time{})
	var people struct {
		People []struct{ Username, Role, Status string }
		Keys   []struct{ Prefix, Label, Username string }
		Roles  []struct {
			Name    string
			Actions []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(members["people.json"]), &people))
	require.Equal(t, "ada", people.People[0].Username)
	require.Equal(t, "nightly", people.Keys[0].Label)
	require.Greater(t, len(people.Roles), 3)
	require.Contains(t, members["policy.jsonl"], `"kind":"current"`)
	require.Contains(t, members["policy.jsonl"], "for the ward")
	require.Contains(t, members["models.json"], `"id":"guard-nano"`)
	require.Contains(t, members["README.md"], "verify.py")
	require.NotContains(t, members, "tombstones.notes")
	bom := bill(t, members["sbom.json"])
	for _, name := range []string{"vue", "guard-nano"} { // a test has no modules in it: sbom_test.go has them
		require.Contains(t, bom, name)
	}
	require.NotContains(t, bom, "vitest", "what builds it is not in it")

	held, err := proof.ParseKeys([]byte(keys[0].Verifier)) // the older: it vouches for the one that signed
	require.NoError(t, err)
	found, err := verify.PackFrom(t.Context(), bytes.NewReader(raw), int64(len(raw)), held)
	require.NoError(t, err)
	require.True(t, found.OK(), found.Detail)
	require.Equal(t, keys[1].ID, found.Key)
	require.Contains(t, members["audit.jsonl"], `"format":"evidence"`, "its own opening row is the last")

	file := filepath.Join(t.TempDir(), "pack.zip")
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	require.NoError(t, os.WriteFile(file+".keys", []byte(keys[0].Verifier), 0o600))
	require.NoError(t, os.WriteFile(file+".py", []byte(members["verify.py"]), 0o600))
	out, err := exec.CommandContext(t.Context(), "python3", file+".py", file, file+".keys").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "members: nothing is wrong")
}

func bill(t *testing.T, text string) map[string]bool {
	t.Helper()
	var b struct {
		BomFormat, SpecVersion string
		Components             []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(text), &b))
	require.Equal(t, "CycloneDX 1.6", b.BomFormat+" "+b.SpecVersion)
	names, refs := map[string]bool{}, map[any]bool{}
	for _, c := range b.Components {
		require.False(t, refs[c["bom-ref"]], "%v twice", c["bom-ref"])
		refs[c["bom-ref"]], names[c["name"].(string)] = true, true
	}
	return names
}

// A pack has the rows of its period, and its two rows in the log; what may not be is refused with one.
func TestAPackIsAnExport(t *testing.T) {
	l := live(t)
	raw, members := l.pack(t, time.Now().Add(time.Hour), time.Time{})
	require.NotContains(t, members["audit.jsonl"], `{"action":`, "no row is of tomorrow")
	found, err := verify.PackFrom(t.Context(), bytes.NewReader(raw), int64(len(raw)), proof.Keys{})
	require.NoError(t, err)
	require.True(t, found.OK(), found.Detail)
	require.Zero(t, found.Rows)

	_, err = l.Evidence.Begin(t.Context(), SystemPrincipal("test"), time.Now(), time.Now().Add(-time.Hour))
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	var held []interface{ Abandon(error) error }
	for range 2 {
		p, err := l.Evidence.Begin(t.Context(), SystemPrincipal("test"), time.Time{}, time.Time{})
		require.NoError(t, err)
		held = append(held, p)
	}
	_, err = l.Evidence.Begin(t.Context(), SystemPrincipal("test"), time.Time{}, time.Time{})
	require.Equal(t, fault.Busy, fault.CodeOf(err))
	for _, p := range held {
		require.ErrorIs(t, p.Abandon(io.ErrClosedPipe), io.ErrClosedPipe)
	}
	p, err := l.Evidence.Begin(t.Context(), SystemPrincipal("test"), time.Time{}, time.Time{})
	require.NoError(t, err)
	_, err = p.Write(t.Context(), full{})
	require.Error(t, err)
	head, _, _, err := l.Audit.Head(t.Context())
	require.NoError(t, err)
	last, err := l.Audit.After(t.Context(), head-1, 1)
	require.NoError(t, err)
	require.Equal(t, "error", last[0].Decision)
	require.Equal(t, "end", last[0].Details["change"])
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// what replaces what the application gives a pack's maker.
func (l *lived) making(t *testing.T, still func(context.Context, access.Principal) (access.Principal, error), more func(first, last int64, each func(kind string, note []byte) error) error) *evidence.Service {
	t.Helper()
	prover := export.Prover{Install: l.Checkpoints.Install, Sign: l.Checkpoints.Sign, Notes: func(ctx context.Context, first, last int64, each func(string, []byte) error) error {
		if err := l.notes(ctx, first, last, each); err != nil || more == nil {
			return err
		}
		return more(first, last, each)
	}}
	exports := export.New(export.Deps{DB: l.DB, Guard: l.Guard, Log: l.Audit, Prover: prover, Still: still, Now: l.now})
	return evidence.New(evidence.Deps{
		Exports: exports, Prover: prover, Guard: l.Guard, Auth: l.Auth, Policy: l.Policy, Catalog: l.Catalog, InForce: l.inForce, Targets: l.targets,
	})
}

// slow takes blocks and turns the clock by so much with each.
type slow struct {
	l     *lived
	by    time.Duration
	taken int
}

func (s *slow) Write(p []byte) (int, error) {
	s.taken++
	s.l.late += s.by
	return len(p), nil
}

// Who loses the right while he takes a pack, or takes it for ever, gets no note; the log says why.
func TestAPackThatIsBrokenOff(t *testing.T) {
	for name, c := range map[string]struct {
		by    time.Duration
		still func(context.Context, access.Principal) (access.Principal, error)
		code  fault.Code
	}{
		"for ever": {by: 2 * time.Hour, code: fault.Timeout},
		"no longer allowed": {
			by: 10 * time.Second, code: fault.Forbidden,
			still: func(_ context.Context, p access.Principal) (access.Principal, error) {
				p.Role = "guest"
				return p, nil
			},
		},
		"signed out": {
			by: 10 * time.Second, code: fault.Unauthenticated,
			still: func(context.Context, access.Principal) (access.Principal, error) {
				return access.Principal{}, fault.New(fault.Unauthenticated, "Sign in again.")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := live(t)
			clock := l.now
			l.now = func() time.Time { return clock().Add(l.late) }
			s := l.making(t, c.still, func(_, _ int64, each func(string, []byte) error) error { // more than a block, so that there is a second look
				for range 4000 {
					if err := each("checkpoint", []byte(rand.Text()+rand.Text()+"\n")); err != nil {
						return err
					}
				}
				return nil
			})
			users, err := l.Auth.ListUsers(t.Context(), SystemPrincipal("test"), auth.UserFilter{}, 10, "")
			require.NoError(t, err)
			p, err := s.Begin(t.Context(), access.Principal{Kind: access.KindUser, UserID: users.Items[0].ID, Name: "ada", Role: "admin"}, time.Time{}, time.Time{})
			require.NoError(t, err)
			sink := &slow{l: l, by: c.by}
			_, err = p.Write(t.Context(), sink)
			require.Equal(t, c.code, fault.CodeOf(err))
			require.Equal(t, 1, sink.taken)
			head, _, _, err := l.Audit.Head(t.Context())
			require.NoError(t, err)
			last, err := l.Audit.After(t.Context(), head-1, 1)
			require.NoError(t, err)
			require.Equal(t, []any{"end", string(c.code)}, []any{last[0].Details["change"], last[0].Details["code"]})
		})
	}
}
