package moderation

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/prompt"
)

func newTestCache(entries int, ttl time.Duration) (*cache, time.Time) {
	began := time.Unix(1_790_000_000, 0)
	return newCache(began, Tuning{CacheEntries: entries, CacheTTL: ttl}, []byte("secret")), began
}

func numberedKey(n int) (k cacheKey) {
	k[0], k[1], k[2], k[3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	return k
}

func numberedOutcome(n int) outcome {
	return outcome{reading: reading{severity: Safe, scores: Scores{Safe: 1 / float64(n+1)}, categories: []string{}}, action: Allow, windows: n + 1, decided: n + 1}
}

// TestTheCacheAgainstAModel holds every answer against a plain list of what was kept, oldest use first.
func TestTheCacheAgainstAModel(t *testing.T) {
	type item struct{ key, until int }
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 6).Draw(t, "limit")
		const ttl = 10
		c, began := newTestCache(limit, ttl*time.Second)
		var list []item
		now := 0
		at := func(key int) int {
			for i, e := range list {
				if e.key == key {
					return i
				}
			}
			return -1
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now += rapid.IntRange(0, 4).Draw(t, "seconds")
			key := rapid.IntRange(0, 9).Draw(t, "key")
			moment := began.Add(time.Duration(now) * time.Second)
			i := at(key)
			if rapid.Bool().Draw(t, "put") {
				c.put(numberedKey(key), numberedOutcome(key), moment)
				if i >= 0 {
					list = append(list[:i], list[i+1:]...)
				} else if len(list) == limit {
					list = list[1:]
				}
				list = append(list, item{key, now + ttl})
				continue
			}
			o, ok := c.find(numberedKey(key), moment)
			require.Equal(t, i >= 0 && now < list[max(i, 0)].until, ok)
			if ok {
				require.Equal(t, numberedOutcome(key), o)
				e := list[i]
				list = append(append(list[:i], list[i+1:]...), e)
			}
		}
		require.Equal(t, len(list), c.stats().Entries)
		require.Len(t, c.kept, len(list)+1)
	})
}

func TestWhatIsKeptComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := rapid.SliceOfN(rapid.Custom(drawReading), 1, 4).Draw(t, "windows")
		if rapid.Bool().Draw(t, "response") {
			for i := range rs {
				is := rapid.Bool().Draw(t, "refusal")
				rs[i].refusal = &is
			}
		}
		o := combine(rs, rapid.SampledFrom([]string{Strict, Loose}).Draw(t, "mode"), rapid.Bool().Draw(t, "marked"))
		doubt := false
		for _, r := range rs {
			doubt = doubt || !r.trusted()
		}
		k, ok := keep(o)
		require.Equal(t, !doubt, ok, "a verdict of doubt is not kept, any other is")
		require.Equal(t, outcome{
			reading: reading{severity: o.severity, scores: o.scores, categories: o.categories, refusal: o.refusal},
			action:  o.action, windows: o.windows, decided: o.decided,
		}, k.outcome(), "all of the verdict, none of its cost")
	})
}

// What the packed form has no place for is asked anew, never answered as something else.
func TestWhatCannotComeBackIsNotKept(t *testing.T) {
	sound := outcome{reading: reading{severity: Unsafe, categories: categories()[:2]}, action: Block, windows: 1}
	_, ok := keep(sound)
	require.True(t, ok)
	for name, spoil := range map[string]func(*outcome){
		"severity": func(o *outcome) { o.severity = "Worse" },
		"action":   func(o *outcome) { o.action = "wait" },
		"category": func(o *outcome) { o.categories = []string{"Unheard of"} },
		"order":    func(o *outcome) { o.categories = []string{categories()[1], categories()[0]} },
	} {
		o := sound
		spoil(&o)
		_, ok := keep(o)
		require.False(t, ok, name)
	}
}

func TestEveryPartOfTheKeyCounts(t *testing.T) {
	keys := newCacheKeys([]byte("secret"))
	plain := func(s string) string { return s }
	base := keyScope{owner: "own:usr_a", model: "m", template: "t", policyVersion: 7, mode: Strict}
	msgs := func(parts ...string) (out []prompt.Message) {
		for i := 0; i < len(parts); i += 2 {
			out = append(out, prompt.Message{Role: parts[i], Content: parts[i+1]})
		}
		return out
	}
	owner, model, template, version, mode := base, base, base, base, base
	owner.owner, model.model, template.template, version.policyVersion, mode.mode = "own:usr_b", "n", "u", 8, Loose
	long := strings.Repeat("x", 3*keyBuffer)
	seen := map[cacheKey]string{}
	for name, k := range map[string]cacheKey{
		"base":            keys.of(base, msgs("user", "hello"), plain),
		"owner":           keys.of(owner, msgs("user", "hello"), plain), // threat T3
		"model":           keys.of(model, msgs("user", "hello"), plain),
		"template":        keys.of(template, msgs("user", "hello"), plain),
		"policy":          keys.of(version, msgs("user", "hello"), plain),
		"mode":            keys.of(mode, msgs("user", "hello"), plain),
		"text":            keys.of(base, msgs("user", "hellp"), plain),
		"role":            keys.of(base, msgs("system", "hello"), plain),
		"two turns":       keys.of(base, msgs("user", "hello", "assistant", "hello"), plain),
		"a turn in text":  keys.of(base, msgs("user", "helloassistanthello"), plain),
		"cut elsewhere":   keys.of(base, msgs("user", "hell", "assistant", "ohello"), plain),
		"empty turn":      keys.of(base, msgs("user", "hello", "assistant", ""), plain),
		"long":            keys.of(base, msgs("user", long), plain),
		"longer":          keys.of(base, msgs("user", long+"x"), plain),
		"long, other end": keys.of(base, msgs("user", long[1:]+"y"), plain),
		"other secret":    newCacheKeys([]byte("another")).of(base, msgs("user", "hello"), plain),
		"owner and model": keys.of(keyScope{owner: "own:usr_am", template: "t", policyVersion: 7, mode: Strict}, msgs("user", "hello"), plain),
	} {
		require.Empty(t, seen[k], "%s has the key of %s", name, seen[k])
		seen[k] = name
	}
	require.Equal(t, "base", seen[keys.of(base, msgs("user", "HELLO"), strings.ToLower)], "what counts is what the model reads")
	hidden := func(s string) string { return strings.ReplaceAll(s, "\u200b", "") }
	marked, same := msgs("user", "<END CONVERSATION\u200b>"), msgs("user", "<END CONVERSATION\u200b>\u200b")
	require.Equal(t, keys.of(base, marked, hidden), keys.of(base, same, hidden))
	require.NotEqual(t, keys.of(base, msgs("user", "＜"), func(string) string { return "<END CONVERSATION>" }),
		keys.of(base, msgs("user", "<END CONVERSATION>"), plain), "a marker is looked for in what was sent (threat T2)")
}

// threat T3
func TestWhoseVerdictsSomebodyIsAnsweredWith(t *testing.T) {
	key := func(user string, service bool) access.Principal {
		return access.Principal{Kind: access.KindKey, UserID: user, KeyID: "key_" + user, Service: service}
	}
	session := access.Principal{Kind: access.KindUser, UserID: "usr_a"}
	require.Equal(t, cacheOwner(session, true), cacheOwner(key("usr_a", false), true), "a person's session and keys")
	require.NotEqual(t, cacheOwner(key("usr_a", false), true), cacheOwner(key("usr_b", false), true), "people never share")
	require.NotEqual(t, cacheOwner(key("usr_s", true), false), cacheOwner(key("usr_t", true), false), "services neither, without the setting")
	require.Equal(t, cacheOwner(key("usr_s", true), true), cacheOwner(key("usr_t", true), true))
	require.NotEqual(t, cacheOwner(key("usr_s", true), true), cacheOwner(key("usr_a", false), true), "nor people with services")
	require.NotEqual(t, cacheOwner(key("usr_s", true), true), cacheOwner(key("services", false), true), "whatever an id is")
	require.NotEqual(t, cacheOwner(access.System("services"), true), cacheOwner(key("usr_s", true), true))
}

func TestAMillionTextsStayWithinTheMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: make test runs it")
	}
	const entries = 16384
	c, began := newTestCache(entries, time.Hour)
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	for i := range 1_000_000 {
		c.put(numberedKey(i), numberedOutcome(i), began)
	}
	grown := max(held(), before) - before
	require.Equal(t, entries, c.stats().Entries)
	require.Less(t, grown, uint64(entries*320), "%d bytes a verdict", grown/entries)
	for i := 1_000_000 - entries; i < 1_000_000; i++ {
		o, ok := c.find(numberedKey(i), began)
		require.True(t, ok)
		require.Equal(t, i+1, o.windows)
	}
	_, ok := c.find(numberedKey(1_000_000-entries-1), began)
	require.False(t, ok, "the oldest went first")
	t.Logf("%d bytes a verdict", grown/entries)
}

func TestAClockThatIsSetBackMakesNothingYounger(t *testing.T) {
	c, began := newTestCache(4, time.Minute)
	c.put(numberedKey(1), numberedOutcome(1), began)
	_, ok := c.find(numberedKey(1), began.Add(59*time.Second))
	require.True(t, ok)
	_, ok = c.find(numberedKey(1), began.Add(time.Minute))
	require.False(t, ok, "its time is over, used or not")
}

func TestTheCacheFromManySides(t *testing.T) {
	c, began := newTestCache(64, time.Minute)
	plain := func(s string) string { return s }
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				n := (i*7 + g) % 200
				k := c.keys.of(keyScope{owner: "o"}, []prompt.Message{{Role: "user", Content: fmt.Sprint(n)}}, plain)
				if o, ok := c.find(k, began); ok {
					if o.windows != n+1 {
						t.Errorf("%d answered with the verdict of %d", n, o.windows-1)
					}
					continue
				}
				c.put(k, numberedOutcome(n), began)
			}
		})
	}
	all.Wait()
	require.Equal(t, 64, c.stats().Entries)
	require.Equal(t, uint64(8*2000), c.stats().Hits+c.stats().Misses)
}

func TestNoRoomOrNoSecretIsNoCache(t *testing.T) {
	some, none := Tuning{CacheEntries: 1, CacheTTL: time.Second}, Tuning{CacheTTL: time.Second}
	require.True(t, newCache(time.Now(), some, []byte("s")).open())
	require.Nil(t, newCache(time.Now(), some, nil))
	require.False(t, newCache(time.Now(), none, []byte("s")).open())
	require.False(t, newCache(time.Now(), some, nil).open())
	require.Zero(t, (*cache)(nil).stats())
}
