package chat_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/chat"
	"guardhouse/internal/db"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/manager"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
	"guardhouse/internal/tokenizer"
	"guardhouse/models"
)

// nano is what the embedded guard's file says: its real template and vocabulary stand behind every test.
var nano = sync.OnceValues(func() (*catalog.Guard, error) { //nolint:gochecknoglobals // parsed once per test binary
	return catalog.InspectGuard(bytes.NewReader(models.GuardNano), int64(len(models.GuardNano)))
})

// rig is the real service over a real database; only the engine is fake. Its models are guard-nano, parrot, which chats, and mute,
// which does not write.
type rig struct {
	db     *db.DB
	log    *audit.Log
	guard  *access.Guard
	sched  *inference.Scheduler
	engine *fake.Engine
	models *manager.Service
	svc    *chat.Service

	mu    sync.Mutex
	ended error // what a stream's caller is refused with from now on
}

type option func(*settings)

type settings struct {
	chat.Options
	limits access.Limits
	queue  int
	slot   int
}

func newRig(t testing.TB, opts ...option) *rig {
	t.Helper()
	s := settings{queue: 64, slot: 4096}
	for _, o := range opts {
		o(&s)
	}
	g, err := nano()
	require.NoError(t, err)
	r := &rig{db: apptest.OpenDB(t)}
	r.log = audit.New(r.db, []byte("content key of a test"))
	r.guard, err = access.New(t.Context(), r.db, r.log, access.Options{Limits: s.limits, Recheck: time.Millisecond})
	require.NoError(t, err)
	dir := t.TempDir()
	cat := catalog.New(r.db, r.guard, catalog.Options{
		ModelsDir: filepath.Join(dir, "models"), RunDir: filepath.Join(dir, "run"), Aliases: map[string]string{"house": "guard-nano"},
	})
	require.NoError(t, cat.Sync(t.Context()))
	r.more(t, "parrot", "chat")
	r.more(t, "mute", "image")
	r.sched = inference.New(inference.Options{Queue: s.queue})
	t.Cleanup(func() { require.NoError(t, r.sched.Close(context.Background())) })
	r.engine = fake.New(fake.Options{Decode: g.Tokenizer.Decode, Encode: g.Tokenizer.Encode, Write: write})
	held := manager.New(manager.Deps{Catalog: cat, Scheduler: r.sched, Engine: r.engine}, manager.Options{})
	judge := moderation.New(moderation.Deps{DB: r.db, Guard: r.guard, Catalog: cat, Models: held, Scheduler: r.sched}, moderation.Options{Slots: 1})
	held.Handle(catalog.KindGuard, judge.Open)
	held.Handle(catalog.KindChat, opened(parrot{g}, s.slot))
	held.Handle("image", opened(nil, s.slot))
	require.NoError(t, held.Load(t.Context()))
	r.models = held
	r.svc = chat.New(chat.Deps{Guard: r.guard, Models: held, Scheduler: r.sched, Still: r.still}, s.Options)
	return r
}

// more adds a row with the embedded guard's bytes that reviewers may use.
func (r *rig) more(t testing.TB, id, kind string) {
	t.Helper()
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO models (id, kind, origin, file, size_bytes, sha256, architecture, quantization, context_length, template_sha256, is_default, created_at)
			SELECT ?, ?, origin, file, size_bytes, sha256, architecture, quantization, context_length, template_sha256, is_default, created_at FROM models WHERE id = 'guard-nano'`, id, kind)
		if err == nil {
			_, err = r.guard.AllowModel(tx, audit.Event{}, id, []string{"role:reviewer"}, "import")
		}
		return err
	}))
	require.NoError(t, r.guard.Reload(t.Context()))
}

func opened(content any, slot int) manager.Loader {
	return func(context.Context, catalog.Model, *catalog.File) (manager.Opened, error) {
		return manager.Opened{
			Content: content, Spec: inference.Spec{Slots: 1, SlotTokens: slot}, Prove: func(context.Context, inference.Model) error { return nil },
		}, nil
	}
}

// parrot is a voice whose prompt is what was said, a line a message.
type parrot struct{ g *catalog.Guard }

func (p parrot) Encode(messages []prompt.Message) (prompt.Prompt, error) {
	var said strings.Builder
	for _, m := range messages {
		said.WriteString(m.Role + ": " + m.Content + "\n")
	}
	ids := p.g.Tokenizer.Encode(said.String())
	return prompt.Prompt{IDs: ids, BodyIDs: len(ids)}, nil
}

func (p parrot) Vocabulary() *tokenizer.Tokenizer { return p.g.Tokenizer }
func (p parrot) Ends() []int32                    { return p.g.Stop }

// write is what models write: a guard its verdict, the parrot what the user said last.
func write(asked string) string {
	if rest, ok := strings.CutSuffix(asked, "\n"); ok {
		if i := strings.LastIndex(rest, "user: "); i >= 0 {
			return rest[i+len("user: "):]
		}
	}
	return "Safety:" + fake.Cues(asked)
}

func (r *rig) still(_ context.Context, p access.Principal) (access.Principal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return p, r.ended
}

func (r *rig) end(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = why
}

func person(name, role string) access.Principal {
	return access.Principal{
		Kind: access.KindUser, UserID: "usr_" + name, Name: name, Role: role, SessionID: "ses_" + name,
		Origin: access.Origin{RequestID: "req_" + name},
	}
}

func rita() access.Principal { return person("rita", "reviewer") }

func ask(model string, texts ...string) chat.Request {
	r := chat.Request{Model: model}
	for i, s := range texts {
		r.Messages = append(r.Messages, prompt.Message{Role: []string{"user", "assistant"}[i%2], Content: s})
	}
	return r
}

// rows answers the audit log, oldest first, after checking that the chain is whole.
func (r *rig) rows(t testing.TB) []audit.Event {
	t.Helper()
	report, err := r.log.Verify(context.Background())
	require.NoError(t, err)
	require.True(t, report.OK(), "%+v", report)
	page, err := r.log.List(context.Background(), audit.Filter{Limit: 500})
	require.NoError(t, err)
	out := make([]audit.Event, 0, len(page.Items))
	for i := range page.Items {
		out = append(out, page.Items[len(page.Items)-1-i])
	}
	return out
}

// newRows answers what fn added to the log.
func (r *rig) newRows(t testing.TB, fn func()) []audit.Event {
	t.Helper()
	before := len(r.rows(t))
	fn()
	return r.rows(t)[before:]
}

// free says that nobody is at a model any more.
func (r *rig) free() bool {
	for _, s := range r.sched.Status() {
		if s.Active > 0 {
			return false
		}
	}
	return r.engine.Running() == 0
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, time.Millisecond, what)
}

var errGone = errors.New("broken pipe")

// listener keeps what it heard, and which rows were durable when it did.
type listener struct {
	mu       sync.Mutex
	count    func() int
	opening  chat.Opening
	text     string
	tokens   []chat.Token
	pieces   int
	answer   *chat.Answer
	broken   error
	atBegin  int
	atEnd    int
	deafFrom int           // piece at which it is gone; 0 = never
	panicAt  int           // piece at which it panics; 0 = never
	heard    chan struct{} // a token when something was heard
	slow     chan struct{} // closed by Cut: the first piece is not taken before; nil = it is taken at once
}

func (r *rig) listener(t testing.TB) *listener {
	return &listener{count: func() int { return len(r.rows(t)) }, heard: make(chan struct{}, 1)}
}

func (l *listener) Begin(o chat.Opening) error {
	l.opening, l.atBegin = o, l.count()
	return nil
}

func (l *listener) Piece(p chat.Piece) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pieces++; l.pieces == l.deafFrom {
		return errGone
	}
	if l.pieces == l.panicAt {
		panic("a listener's own bug")
	}
	l.text += p.Text
	l.tokens = append(l.tokens, p.Tokens...)
	select {
	case l.heard <- struct{}{}:
	default:
	}
	if l.slow != nil && l.pieces == 1 {
		<-l.slow
	}
	return nil
}

func (l *listener) Cut() {
	if l.slow != nil {
		close(l.slow)
	}
}

func (l *listener) End(a chat.Answer) error {
	l.answer, l.atEnd = &a, l.count()
	return nil
}

func (l *listener) Broken(why error) { l.broken = why }

// wait answers when something was heard.
func (l *listener) wait(t testing.TB, over <-chan error) {
	t.Helper()
	select {
	case <-l.heard:
	case err := <-over:
		require.FailNow(t, "the stream is over", "%v", err)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "nothing was heard")
	}
}
