package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/apptest"
	"guardhouse/internal/auth"
	"guardhouse/internal/catalog"
	"guardhouse/internal/inference"
	"guardhouse/internal/moderation"
)

// runners are the operations that run a model, with the body for n texts under a model's name, "" where it takes no such
// number or no name. A route that runs a model and is not here fails the tests below.
func runners() map[string]func(model string, texts []string) string {
	named := func(model, rest string) string {
		if model != "" {
			rest = `"model":"` + model + `",` + rest
		}
		return "{" + rest + "}"
	}
	return map[string]func(string, []string) string{
		"createModeration": func(model string, texts []string) string {
			if len(texts) != 1 {
				return ""
			}
			return named(model, `"input":`+strconv.Quote(texts[0]))
		},
		"auditAlias": func(model string, texts []string) string {
			if len(texts) != 1 || model != "" {
				return ""
			}
			return `{"text":` + strconv.Quote(texts[0]) + `}`
		},
		"openaiCreateModeration": func(model string, texts []string) string {
			list := make([]string, len(texts))
			for i, text := range texts {
				list[i] = strconv.Quote(text)
			}
			return named(model, `"input":[`+strings.Join(list, ",")+`]`)
		},
	}
}

// running are the rights to run a model.
func running() []access.Action {
	return []access.Action{access.ModerationRun, access.AnalysisRun, access.ChatRun, access.ImageGenerate}
}

// chargedElsewhere are operations that run a model and whose path or body is made of more than a model and texts: each has a test
// of its own that what it takes is charged.
func chargedElsewhere() []string {
	return []string{
		"reproduceModeration",                       // TestAReproductionIsCharged
		"openaiCreateChatCompletion", "openaiInfer", // TestALimitOverMixedWays
	}
}

// runRoutes are the routes of the document that run a model. It refuses one that runners() does not know.
func runRoutes(t testing.TB) []served {
	t.Helper()
	var out []served
	for _, s := range operations(t) {
		action, _ := s.op.Extensions["x-action"].(string)
		if s.changes() && slices.Contains(running(), access.Action(action)) && !slices.Contains(chargedElsewhere(), s.op.OperationID) {
			require.Contains(t, runners(), s.op.OperationID, "%s runs a model: say how in runners()", s.path)
			out = append(out, s)
		}
	}
	require.Len(t, out, len(runners()))
	return out
}

// path is one way to have n texts judged: a route, a spelling of the model, a credential, and whatever else might make a limit
// look away.
type path struct {
	name string
	call call
}

// paths are all ways of rita to have n texts judged by guard-nano: every route, every name of the model, each of her
// credentials, forged headers, other addresses, remembered and new texts.
func (b *bench) paths(n int) []path {
	b.t.Helper()
	var out []path
	for _, s := range runRoutes(b.t) {
		for _, model := range []string{"", "guard-nano", "omni-moderation-latest", "text-moderation-stable", "house-guard"} {
			for _, text := range []string{"the same", "another " + strconv.Itoa(rand.Int())} {
				body := runners()[s.op.OperationID](model, slices.Repeat([]string{text}, n))
				if body == "" {
					continue
				}
				out = append(out, path{
					fmt.Sprintf("%s, model %q, text %q", s.path, model, text),
					call{method: s.method, path: s.path, body: body, header: map[string]string{"Authorization": b.bearer}},
				})
			}
		}
	}
	return append(out, b.disguised(out[0].call)...)
}

// disguised are the same request by other keys and sessions of rita's, and by headers and addresses that might be believed.
func (b *bench) disguised(plain call) []path {
	b.t.Helper()
	var out []path
	credential := func(name string, header map[string]string) {
		c := plain
		c.header = header
		out = append(out, path{name, c})
	}
	credential("her key", bearing(b.keys["rita"]))
	credential("a new key", bearing(b.key("rita", nil, nil)))
	credential("a narrowed key", bearing(b.key("rita", []string{"guard-*"}, []string{"view", "infer"})))
	again, err := b.auth.Login(b.t.Context(), access.Origin{}, auth.LoginRequest{Username: "rita", Password: password})
	require.NoError(b.t, err)
	credential("a second session", bearing(again.AccessToken))
	browser, err := b.auth.Login(b.t.Context(), access.Origin{}, auth.LoginRequest{Username: "rita", Password: password, Browser: true})
	require.NoError(b.t, err)
	credential("a browser", merge(fromOwnPage(), map[string]string{"Cookie": "__Host-gh=" + browser.CookieToken}))
	for name, value := range map[string]string{
		"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.2", "X-Real-Ip": "198.51.100.3", "True-Client-Ip": "198.51.100.4",
		"Cf-Connecting-Ip": "198.51.100.5", "X-Request-Id": "req_1", "Idempotency-Key": "k-1", "User-Agent": "other", purposeHeader: "another one",
		"X-User": "alice", "X-Remote-User": "alice", "X-Original-Url": "/healthz", "X-Http-Method-Override": "GET", "Ratelimit-Policy": `"rule-six";q=1000;w=60`,
		"Prefer": "wait=30", "Cache-Control": "no-cache", "Content-Type": "application/json; charset=utf-8", "Last-Event-Id": "9",
	} {
		c := plain
		c.header = merge(plain.header, map[string]string{name: value})
		out = append(out, path{name, c})
	}
	for _, peer := range []string{"198.51.100.7", "2001:db8::7", "::ffff:198.51.100.7"} {
		c := plain
		c.peer = peer
		out = append(out, path{"from " + peer, c})
	}
	return out
}

// newLimited is a bench with a clock, a verdict cache and an alias of guard-nano.
func newLimited(t testing.TB, o access.Options) (*bench, *apptest.Clock) {
	t.Helper()
	now := newClock()
	o.Now = now.Now
	r, err := template()
	require.NoError(t, err)
	dir := copied(t, r)
	s, err := openGuarded(dir, newEngine(t), o)
	require.NoError(t, err)
	require.NoError(t, s.scheduler.Close(t.Context()))
	s.scheduler = inference.New(inference.Options{Queue: 4096})
	s.catalog = catalog.New(s.db, s.guard, catalog.Options{
		ModelsDir: filepath.Join(dir, "models"), RunDir: filepath.Join(dir, "run"), Aliases: map[string]string{"house-guard": "guard-nano"},
	})
	s.judge, s.models = judging(moderation.Deps{
		DB: s.db, Guard: s.guard, Catalog: s.catalog, Scheduler: s.scheduler, Audit: s.log, CacheKey: []byte("a test's"),
	}, s.engine, moderation.Options{CacheEntries: 100})
	return newBenchOf(t, dir, r, s), now
}

const six = `
  - {id: six, effect: allow, principals: ["role:reviewer"], models: ["guard-*"], operations: [view, infer], conditions: {rate_limit: 6/min}}
`

// TestNoPathLosesTheLimit: of N+1 requests over mixed paths exactly one is refused, and after it every path is (threat K2).
func TestNoPathLosesTheLimit(t *testing.T) {
	b, _ := newLimited(t, access.Options{})
	b.ruled(six)
	all := b.paths(1)
	require.Greater(t, len(all), 30)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, p := range all {
		w := b.do(p.call)
		if i < 6 {
			require.Equal(t, http.StatusOK, w.Code, "%d: %s: %s", i, p.name, w.Body)
			require.Equal(t, fmt.Sprintf(`"rule-six";r=%d;t=10`, 5-i), limitOf(w, "rule-six"), p.name)
			continue
		}
		require.Equal(t, http.StatusTooManyRequests, w.Code, "%d: %s: %s", i, p.name, w.Body)
		require.Equal(t, "10", w.Header().Get("Retry-After"), p.name)
		require.Equal(t, `"rule-six";r=0;t=10`, limitOf(w, "rule-six"), p.name)
		require.Contains(t, w.Header().Get("RateLimit-Policy"), `"rule-six";q=6;w=60`, p.name)
	}
	require.Equal(t, http.StatusOK, b.do(call{method: "POST", path: moderations, as: "rob", body: `{"input":"x"}`}).Code, "another person's count is another")
}

// A reproduction runs the model and counts as a verdict does, in one count with verdicts.
func TestAReproductionIsCharged(t *testing.T) {
	b, _ := newLimited(t, access.Options{})
	b.ruled(six)
	made := b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"the same"}`})
	require.Equal(t, http.StatusOK, made.Code)
	var verdict struct{ ID string }
	require.NoError(t, json.Unmarshal(made.Body.Bytes(), &verdict))
	again := call{method: "POST", path: moderations + "/" + verdict.ID + "/reproduce", as: "rita", body: `{"input":"the same"}`}
	for i := range 5 {
		require.Equal(t, http.StatusOK, b.do(again).Code, i)
	}
	judged := b.engine.Judged()
	require.Equal(t, http.StatusTooManyRequests, b.do(again).Code)
	require.Equal(t, judged, b.engine.Judged(), "what is refused runs nothing")
	require.Equal(t, http.StatusTooManyRequests, b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"the same"}`}).Code)
}

// limitOf answers the part of RateLimit that is about one policy.
func limitOf(w *httptest.ResponseRecorder, policy string) string {
	for _, part := range strings.Split(w.Header().Get("RateLimit"), ", ") {
		if strings.HasPrefix(part, `"`+policy+`"`) {
			return part
		}
	}
	return ""
}

// TestEachPathCounts: on every path alone, the seventh in a row is the first that is refused.
func TestEachPathCounts(t *testing.T) {
	b, now := newLimited(t, access.Options{})
	b.ruled(six)
	for _, p := range b.paths(1) {
		for i := range 7 {
			want := http.StatusOK
			if i == 6 {
				want = http.StatusTooManyRequests
			}
			require.Equal(t, want, b.do(p.call).Code, "%d: %s", i, p.name)
		}
		now.Advance(time.Minute)
	}
}

// TestAListIsChargedWholeOrNotAtAll: a list of N counts N, on every route and whether it is remembered or not. What does not fit
// runs nothing and charges nothing.
func TestAListIsChargedWholeOrNotAtAll(t *testing.T) {
	b, now := newLimited(t, access.Options{})
	b.ruled(six)
	for _, s := range runRoutes(t) {
		list := func(n int) int {
			body := runners()[s.op.OperationID]("", slices.Repeat([]string{"the same"}, n))
			return b.do(call{method: s.method, path: s.path, as: "rita", body: body}).Code
		}
		if runners()[s.op.OperationID]("", []string{"a", "b"}) == "" {
			continue
		}
		require.Equal(t, http.StatusTooManyRequests, list(7), "more than there ever is")
		require.Equal(t, http.StatusOK, list(4))
		judged := b.engine.Judged()
		require.Equal(t, http.StatusTooManyRequests, list(3))
		require.Equal(t, judged, b.engine.Judged())
		require.Equal(t, http.StatusOK, list(2), "what did not fit took nothing")
		require.Equal(t, http.StatusTooManyRequests, list(1))
		now.Advance(time.Minute)
	}
}

// TestTheCountIsExactUnderARace: however many ask at once, by whichever path, N texts are judged and not one more.
func TestTheCountIsExactUnderARace(t *testing.T) {
	b, _ := newLimited(t, access.Options{})
	b.ruled(strings.ReplaceAll(six, "6/min", "40/h"))
	var texts, refused atomic.Int64
	var asking sync.WaitGroup
	single := b.paths(1)
	for n, paths := range map[int][]path{1: single, 2: lists(t, single, 2)} {
		for _, p := range paths {
			asking.Go(func() {
				switch w := b.do(p.call); w.Code {
				case http.StatusOK:
					texts.Add(int64(n))
				case http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Errorf("%s: %d %s", p.name, w.Code, w.Body)
				}
			})
		}
	}
	asking.Wait()
	require.Positive(t, refused.Load())
	for texts.Load() < 40 && b.do(single[0].call).Code == http.StatusOK { // a list found one place where it needed two
		texts.Add(1)
	}
	require.Equal(t, int64(40), texts.Load())
	require.Equal(t, http.StatusTooManyRequests, b.do(single[0].call).Code)
}

// lists are those of the paths that take n texts at once.
func lists(t testing.TB, single []path, n int) []path {
	t.Helper()
	var out []path
	for _, p := range single {
		for _, s := range runRoutes(t) {
			body := runners()[s.op.OperationID]("guard-nano", slices.Repeat([]string{p.name}, n))
			if s.path == p.call.path && body != "" {
				p.call.body = body
				out = append(out, p)
			}
		}
	}
	require.NotEmpty(t, out)
	return out
}

// TestTheClocksEdges: a moment before there is room again there is none, then there is one; a clock that is put back fills
// nothing, and one that is put forward fills no more than there ever was.
func TestTheClocksEdges(t *testing.T) {
	b, now := newLimited(t, access.Options{})
	b.ruled(six)
	start := now.Now()
	ask := func() int {
		return b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`}).Code
	}
	through := func() (n int) {
		for n < 20 && ask() == http.StatusOK {
			n++
		}
		return n
	}
	require.Equal(t, 6, through())
	for _, edge := range []struct {
		at   time.Duration
		want int
	}{
		{10*time.Second - 1, 0},
		{10 * time.Second, 1},
		{20*time.Second - 1, 0},
		{-time.Hour, 0},
		{-time.Hour + 1, 1},
		{-24 * time.Hour, 0},
		{365 * 24 * time.Hour, 6},
	} {
		now.Set(start.Add(edge.at))
		require.Equal(t, edge.want, through(), edge.at)
	}
}

// TestWhatNeverEnteredIsNotCharged: bodies that are refused, models that are hidden and rights that are missing take nothing.
func TestWhatNeverEnteredIsNotCharged(t *testing.T) {
	b, _ := newLimited(t, access.Options{})
	b.ruled(six)
	for _, body := range []string{`{}`, `{"input":1}`, `{"input":"x","zzz":1}`, `{"model":"no-such","input":"x"}`, `{`, `{"input":""}`} {
		for range 3 {
			require.NotEqual(t, http.StatusOK, b.do(call{method: "POST", path: moderations, as: "rita", body: body}).Code, body)
		}
	}
	for range 20 {
		require.Equal(t, http.StatusOK, b.do(call{method: "GET", path: "/api/v1/models/guard-nano", as: "rita"}).Code, "looking is never charged")
	}
	for i := range 7 {
		code := b.do(call{method: "POST", path: moderations, as: "rita", body: `{"input":"x"}`}).Code
		require.Equal(t, map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[i < 6], code)
	}
}
