package httpapi_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/catalog"
	"guardhouse/internal/chat"
	"guardhouse/internal/checkpoint"
	"guardhouse/internal/db"
	"guardhouse/internal/export"
	"guardhouse/internal/filters"
	"guardhouse/internal/gguf"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/manager"
	"guardhouse/internal/moderation"
	"guardhouse/internal/policy"
	"guardhouse/internal/proof"
	"guardhouse/internal/request"
	"guardhouse/internal/review"
	"guardhouse/internal/tokenizer"
	"guardhouse/internal/usage"
	"guardhouse/models"
)

const password = "a long and private sentence"

// ready is a data folder with one user per role, each with a key, copied for every test: hashing passwords costs more
// than copying a file.
type ready struct {
	dir    string
	keys   map[string]string // user name -> API key
	cookie string            // alice's, signed in with a browser
	bearer string            // rita's, signed in with a program
}

var template = sync.OnceValues(makeTemplate) //nolint:gochecknoglobals // once per test binary is the point

// auditor is a role that did not come with the product: it reads the audit log and nothing else.
const auditor = "auditor"

// people are those that tests ask as. Only those who sign in are persons: each password costs a second under the race
// detector.
func people() []auth.NewUser {
	return []auth.NewUser{
		{Username: "alice", Role: "admin", Password: password},
		{Username: "rita", Role: "reviewer", Password: password},
		{Username: "rob", Role: "reviewer", Kind: auth.KindService},
		{Username: "nora", Role: "nurse", Kind: auth.KindService},
		{Username: "gus", Role: "guest", Kind: auth.KindService},
		{Username: "ray", Role: "radiologist", Kind: auth.KindService},
		{Username: "otto", Role: auditor, Kind: auth.KindService},
	}
}

func makeTemplate() (ready, error) {
	dir, err := os.MkdirTemp("", "guardhouse-httpapi-")
	if err != nil {
		return ready{}, err
	}
	s, err := openServices(dir, nil)
	if err != nil {
		return ready{}, err
	}
	out := ready{dir: dir, keys: map[string]string{}}
	ctx, cli := context.Background(), access.System("tester")
	_, _, err = s.guard.PutRole(ctx, cli, auditor, access.RoleChange{Actions: []access.Action{access.SessionOwn, access.AuditRead, access.AuditExport}})
	if err != nil {
		return out, err
	}
	for _, u := range people() {
		if _, err := s.auth.CreateUser(ctx, cli, u); err != nil {
			return out, err
		}
		if _, out.keys[u.Username], err = s.auth.CreateKey(ctx, cli, auth.NewKey{Label: "test", UserName: u.Username}, nil); err != nil {
			return out, err
		}
	}
	browser, err := s.auth.Login(ctx, access.Origin{}, auth.LoginRequest{Username: "alice", Password: password, Browser: true})
	if err != nil {
		return out, err
	}
	program, err := s.auth.Login(ctx, access.Origin{}, auth.LoginRequest{Username: "rita", Password: password})
	if err != nil {
		return out, err
	}
	out.cookie, out.bearer = "__Host-gh="+browser.CookieToken, "Bearer "+program.AccessToken
	return out, s.close()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if r, err := template(); err == nil {
		_ = os.RemoveAll(r.dir) // a leftover in the temporary folder fails no test
	}
	os.Exit(code)
}

// services are the real ones; only the engine is fake.
type services struct {
	checkpoints *checkpoint.Service
	db          *db.DB
	log         *audit.Log
	guard       *access.Guard
	auth        *auth.Service
	catalog     *catalog.Service
	scheduler   *inference.Scheduler
	judge       *moderation.Service
	models      *manager.Service
	engine      *fake.Engine

	exporting    *export.Service
	exportFolder string       // not there until a test makes it
	signer       proof.Signer // of exports and packs, with the note of its key
	keyNote      []byte
}

func (s *services) close() error {
	if err := s.scheduler.Close(context.Background()); err != nil {
		return err
	}
	return s.db.Close()
}

func openServices(dir string, engine *fake.Engine) (*services, error) {
	return openGuarded(dir, engine, access.Options{})
}

func openGuarded(dir string, engine *fake.Engine, o access.Options) (*services, error) {
	ctx := context.Background()
	s := &services{engine: engine}
	var err error
	if s.db, err = db.Open(ctx, db.Options{Path: filepath.Join(dir, "guardhouse.db")}); err != nil {
		return nil, err
	}
	if _, err := s.db.Migrate(ctx); err != nil {
		return nil, err
	}
	keys, err := auth.OpenKeys(dir)
	if err != nil {
		return nil, err
	}
	s.log = audit.New(s.db, keys.Sub("content-hash"))
	if s.guard, err = access.New(ctx, s.db, s.log, o); err != nil {
		return nil, err
	}
	if s.auth, err = auth.New(s.db, s.guard, auth.Options{DataDir: dir, Root: keys}); err != nil {
		return nil, err
	}
	s.catalog = catalog.New(s.db, s.guard, catalog.Options{ModelsDir: filepath.Join(dir, "models"), RunDir: filepath.Join(dir, "run"), Try: apptest.Tried})
	if err := s.catalog.Sync(ctx); err != nil {
		return nil, err
	}
	s.scheduler = inference.New(inference.Options{Queue: 8})
	s.judge, s.models = judging(moderation.Deps{DB: s.db, Guard: s.guard, Catalog: s.catalog, Scheduler: s.scheduler, Audit: s.log}, engine, moderation.Options{})
	return s, nil
}

// judging answers a service and the manager that brings its guards into the engine.
func judging(d moderation.Deps, e inference.Engine, o moderation.Options) (*moderation.Service, *manager.Service) {
	d.Models = manager.New(manager.Deps{Catalog: d.Catalog, Scheduler: d.Scheduler, Engine: e}, manager.Options{})
	svc := moderation.New(d, o)
	d.Models.Handle(catalog.KindGuard, svc.Open)
	return svc, d.Models
}

func (s *services) infers(ctx context.Context) (map[string]access.Action, error) {
	list, err := s.catalog.All(ctx)
	takes := map[string]access.Action{}
	for _, m := range list {
		takes[m.ID] = catalog.Runs(m.Kind)
	}
	return takes, err
}

// newEngine answers a fake that speaks guard-nano's own tokens.
func newEngine(t testing.TB) *fake.Engine {
	t.Helper()
	f, err := gguf.Read(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
	require.NoError(t, err)
	v, err := tokenizer.VocabOf(f)
	require.NoError(t, err)
	tok, err := tokenizer.New(v)
	require.NoError(t, err)
	return fake.New(fake.Options{Decode: tok.Decode, Encode: tok.Encode, Respond: cues})
}

// cues answers by words that stand in no policy text.
func cues(prompt string) string {
	answer := " Safe\nCategories: None"
	switch {
	case strings.Contains(prompt, "zzviolent"):
		answer = " Unsafe\nCategories: Violent, Suicide & Self-Harm"
	case strings.Contains(prompt, "zzlie"):
		answer = " Controversial\nCategories: Unethical Acts"
	}
	if strings.Contains(prompt, "zzreply") {
		answer += "\nRefusal: No"
	}
	return answer
}

// bench is one server over a copy of the template.
type bench struct {
	t testing.TB
	*services
	ready
	server *httpapi.Server
	logs   *apptest.Lines
}

type setting func(*httpapi.Options, *httpapi.Deps)

func newBench(t testing.TB, settings ...setting) *bench {
	t.Helper()
	r, err := template()
	require.NoError(t, err)
	return newBenchAt(t, copied(t, r), r, settings...)
}

// copied answers a data folder that is the template's.
func copied(t testing.TB, r ready) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.CopyFS(dir, os.DirFS(r.dir)))
	require.NoError(t, filepath.WalkDir(dir, private))
	return dir
}

// private gives back the modes that copying loses.
func private(path string, d fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case d.IsDir():
		return os.Chmod(path, 0o700)
	}
	return os.Chmod(path, 0o600)
}

func newBenchAt(t testing.TB, dir string, r ready, settings ...setting) *bench {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	s, err := openServices(dir, newEngine(t))
	require.NoError(t, err)
	return newBenchOf(t, dir, r, s, settings...)
}

func newBenchOf(t testing.TB, dir string, r ready, s *services, settings ...setting) *bench {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, s.close()) })
	require.NoError(t, s.models.Load(t.Context()))
	b := &bench{t: t, services: s, ready: r, logs: &apptest.Lines{}}
	b.keys = maps.Clone(r.keys)
	o := httpapi.Options{ServerName: "ward-server", TrustedHosts: []string{"Guard.Example"}, TLS: true, Log: slog.New(slog.NewJSONHandler(b.logs, nil))}
	d := httpapi.Deps{Auth: s.auth, Guard: s.guard, Moderation: s.judge, Models: s.models, Catalog: s.catalog, Audit: s.log, Filters: filters.Open(s.db), Settings: stored(t, s), UI: builtUI()}
	d.Chat = chat.New(chat.Deps{Guard: s.guard, Models: s.models, Scheduler: s.scheduler, Still: s.auth.Recheck}, chat.Options{Build: "test", Tuning: chat.Tuning{MaxTokens: 256}})
	d.Overview = s.overview(dir)
	s.checkpoints = checkpoint.New(s.db, s.guard, checkpoint.Options{DataDir: dir, Rows: 1000, Every: 10 * time.Minute, Now: time.Now})
	d.Checkpoints = s.checkpoints
	d.Policy = policy.New(policy.Deps{DB: s.db, Guard: s.guard, Names: policy.StoredNames{DB: s.db}, Model: s.catalog.Exists}, policy.Options{})
	withLooks(&d, s)
	require.NoError(t, withForwarding(&d, s))
	s.exportFolder = filepath.Join(filepath.Dir(dir), "exports")
	s.exporting = s.exports(t, s.exportFolder)
	d.Export = s.exporting
	withEvidence(&d, s)
	d.Requests = request.New(request.Deps{DB: s.db, Guard: s.guard, Models: s.infers})
	d.Retention = s.retention()
	d.Reviews, d.Usage = review.New(review.Deps{DB: s.db, Guard: s.guard, Show: d.Policy.Shown}), usage.New(s.db, s.guard, nil)
	for _, set := range settings {
		set(&o, &d)
	}
	var err error
	b.server, err = httpapi.New(d, o)
	require.NoError(t, err)
	return b
}

var (
	hidden = regexp.MustCompile(`argon2|password_hash|token_hash|secret_hash|username_key|\$v=\d`)
	apiKey = regexp.MustCompile(`gh_[0-9A-Za-z]{20,}`)
)
