package auth

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/auth/password"
	"guardhouse/internal/fault"
)

const wrongPassword = "wrong password 1"

func at(ip string) access.Origin {
	return access.Origin{IP: netip.MustParseAddr(ip), UserAgent: "test/1", RequestID: "req_1"}
}

// guess tries a wrong password and answers the code and how long to wait.
func (b *bench) guess(ip, name string) (fault.Code, time.Duration) {
	b.t.Helper()
	in, err := b.signIn(at(ip), name, wrongPassword, true)
	require.Error(b.t, err)
	require.Zero(b.t, in)
	return fault.CodeOf(err), fault.From(err).RetryAfter
}

// hashed answers how many passwords sign-ins have been checked so far.
func (b *bench) hashed() int64 { return b.spent.Load() / b.cost.Work() }

// spendFreeTries leaves the name inside its first delay for strangers.
func (b *bench) spendFreeTries(name string) {
	b.t.Helper()
	for i := range freeTries {
		code, _ := b.guess(fmt.Sprintf("198.51.100.%d", i+1), name)
		require.Equal(b.t, fault.Unauthenticated, code)
	}
}

// threat A5
func TestGuessesAtANameWaitLongerAndLonger(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	b.spendFreeTries("rita")
	want := firstDelay
	for range 14 {
		hashed := b.hashed()
		code, wait := b.guess("203.0.113.7", "rita")
		require.Equal(t, fault.RateLimited, code)
		require.Equal(t, want, wait)
		_, err := b.signIn(at("203.0.113.8"), "rita", adminPassword, true)
		requireCode(t, fault.RateLimited, err) // the right one would be told from the wrong one
		require.Equal(t, hashed, b.hashed(), "nothing is hashed inside a delay")

		b.clock.Advance(want - time.Millisecond)
		code, _ = b.guess("203.0.113.7", "rita")
		require.Equal(t, fault.RateLimited, code)
		b.clock.Advance(time.Millisecond)
		code, _ = b.guess("203.0.113.7", "rita")
		require.Equal(t, fault.Unauthenticated, code, "a delay ends by itself: no lock")
		want = min(2*want, maxDelay)
	}
	require.Equal(t, maxDelay, want)
	b.clock.Advance(maxDelay)
	_, err := b.signIn(at("203.0.113.9"), "rita", adminPassword, true)
	require.NoError(t, err)
}

// threat A5
func TestSpellingsOfANameShareACounter(t *testing.T) {
	spellings := []string{"rita", "RITA", "ｒｉｔａ", "r1ta", "rіtа", "ríta", "rita ", " rita", "ri\u200bta", "RiTa\t"}
	for _, exists := range []bool{true, false} {
		b := newBench(t)
		if exists {
			b.user("Rita", "reviewer")
		}
		for i := range freeTries {
			code, _ := b.guess("198.51.100.1", spellings[i])
			require.Equal(t, fault.Unauthenticated, code, spellings[i])
		}
		for _, s := range spellings {
			code, wait := b.guess("198.51.100.2", s)
			require.Equal(t, fault.RateLimited, code, s)
			require.Equal(t, firstDelay, wait)
		}
		code, _ := b.guess("198.51.100.2", "reta")
		require.Equal(t, fault.Unauthenticated, code, "another name")
	}
}

// threat A5: whatever there is of a name, the answers and the work are the same at every step.
func TestKnownAndUnknownNamesAreAlikeInsideTheThrottle(t *testing.T) {
	type step struct {
		code   fault.Code
		wait   time.Duration
		text   string
		hashes int64
	}
	b := newBench(t)
	b.user("rita", "reviewer")
	off := b.user("olaf", "reviewer")
	b.exec("UPDATE users SET status = 'disabled' WHERE id = ?", off.ID)
	b.service("robot", "reviewer")
	walk := func(name, password string) (steps []step) {
		start := b.clock.Now()
		for i := range 3*freeTries + 1 {
			before := b.hashed()
			_, err := b.signIn(at("203.0.113.7"), name, password, true)
			f := fault.From(err)
			require.NotNil(t, f)
			steps = append(steps, step{f.Code, f.RetryAfter, f.Message, b.hashed() - before})
			if i%3 == 0 {
				b.clock.Advance(time.Second)
			}
		}
		b.clock.Advance(forgetAfter + start.Add(time.Hour).Sub(b.clock.Now()))
		return steps
	}
	unknown := walk("nobody", wrongPassword)
	require.Contains(t, unknown, step{fault.Unauthenticated, 0, wrongMessage, 1})
	require.Equal(t, fault.RateLimited, unknown[len(unknown)-1].code)
	require.Zero(t, unknown[len(unknown)-1].hashes)
	for _, name := range []string{"rita", "olaf", "robot"} {
		require.Equal(t, unknown, walk(name, wrongPassword), name)
	}
	require.Equal(t, walk("nobody else", adminPassword), walk("0laf", adminPassword), "a look-alike of a disabled user")
}

// The reason stands in the audit row alone, and an unknown name only as its keyed hash (threat U5).
func TestThrottledTriesLeaveTheirRow(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	b.spendFreeTries("rita")
	b.spendFreeTries("n0body")
	r := b.oneRow(func() { b.guess("203.0.113.7", "rita") })
	require.Equal(t, row{"anonymous", "auth.login", "deny", reasonThrottled, userResource(u.ID)}, r)
	r = b.oneRow(func() { b.guess("203.0.113.7", "nobody") })
	require.Equal(t, row{"anonymous", "auth.login", "deny", reasonThrottled, "name:" + b.hashName("nobody")}, r)
}

// threat A7: whoever floods a name does not keep its owner out, and his success tells the flood nothing.
func TestKnownDevicesHaveCountersOfTheirOwn(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	first, err := b.signIn(at("10.0.0.5"), "rita", adminPassword, true)
	require.NoError(t, err)
	b.spendFreeTries("rita")

	login := func(ip, token, password string) error {
		_, err := b.Login(context.Background(), at(ip), LoginRequest{Username: "Rita", Password: password, DeviceToken: token, Browser: true})
		return err
	}
	require.NoError(t, login("203.0.113.7", first.DeviceToken, adminPassword), "by its token, from anywhere")
	requireCode(t, fault.RateLimited, login("203.0.113.8", "", adminPassword))
	requireCode(t, fault.RateLimited, login("203.0.113.8", first.DeviceToken+"A", adminPassword))
	require.NoError(t, login("10.0.0.5", "", adminPassword), "by its address")
	require.NoError(t, login("203.0.113.7", "", adminPassword), "known since a moment ago")
	code, _ := b.guess("203.0.113.9", "rita")
	require.Equal(t, fault.RateLimited, code, "a good sign-in of a known device resets no stranger")

	// The device's own guesses are counted too, apart from its address's.
	for range freeTries {
		requireCode(t, fault.Unauthenticated, login("203.0.113.7", first.DeviceToken, wrongPassword))
	}
	requireCode(t, fault.RateLimited, login("203.0.113.7", first.DeviceToken, adminPassword))
	require.NoError(t, login("203.0.113.7", "", adminPassword))
	b.clock.Advance(firstDelay)
	require.NoError(t, login("203.0.113.7", first.DeviceToken, adminPassword))
	for range freeTries { // its own success has cleared its counter
		requireCode(t, fault.Unauthenticated, login("203.0.113.7", first.DeviceToken, wrongPassword))
	}
}

func TestADeviceIsKnownToOneUserOnly(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	b.user("alice", "admin")
	rita := b.login("rita", true)
	b.spendFreeTries("alice")
	b.spendFreeTries("nobody")
	for _, name := range []string{"alice", "nobody"} {
		_, err := b.Login(context.Background(), at("203.0.113.7"), LoginRequest{Username: name, Password: adminPassword, DeviceToken: rita.DeviceToken})
		requireCode(t, fault.RateLimited, err)
		_, err = b.Login(context.Background(), origin(), LoginRequest{Username: name, Password: adminPassword, DeviceToken: rita.DeviceToken})
		requireCode(t, fault.RateLimited, err)
	}
}

// A stranger who signs in well has washed neither the name nor the address for others.
func TestAGoodSignInOfAStrangerResetsNobody(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	for range freeTries - 1 {
		b.guess("198.51.100.1", "rita")
	}
	_, err := b.signIn(at("203.0.113.7"), "rita", adminPassword, true)
	require.NoError(t, err)
	b.guess("198.51.100.1", "rita")
	code, _ := b.guess("198.51.100.1", "rita")
	require.Equal(t, fault.RateLimited, code)
}

func TestOneAddressMayGetAHundredWrongAnHour(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.login("rita", true)
	b.user("nora", "nurse")
	for i := range addressTries {
		code, _ := b.guess(fmt.Sprintf("2001:db8:1:2::%x", i+1), fmt.Sprintf("person-%d", i))
		require.Equal(t, fault.Unauthenticated, code, i)
		b.clock.Advance(time.Second)
	}
	hashed := b.hashed()
	for _, name := range []string{"somebody", "nora"} {
		code, wait := b.guess("2001:db8:1:2:ffff::1", name)
		require.Equal(t, fault.RateLimited, code, "one holder has a whole /64")
		require.Equal(t, addressSpan-addressTries*time.Second, wait)
	}
	require.Equal(t, hashed, b.hashed())
	code, _ := b.guess("2001:db8:1:3::1", "somebody")
	require.Equal(t, fault.Unauthenticated, code)
	_, err := b.Login(context.Background(), at("2001:db8:1:2::1"), LoginRequest{Username: "rita", Password: adminPassword, DeviceToken: rita.DeviceToken})
	require.NoError(t, err, "a known device is not held to what its neighbours do")
	_, err = b.signIn(at("2001:db8:1:2::5"), "rita", adminPassword, true)
	require.NoError(t, err, "and its network is known from then on")
	b.clock.Advance(addressSpan - addressTries*time.Second)
	_, err = b.signIn(at("2001:db8:1:2::5"), "nora", adminPassword, true)
	require.NoError(t, err)
}

func TestQuietDayIsForgotten(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	b.spendFreeTries("rita")
	b.clock.Advance(forgetAfter - time.Second)
	b.guess("203.0.113.7", "rita")
	code, wait := b.guess("203.0.113.7", "rita")
	require.Equal(t, fault.RateLimited, code)
	require.Equal(t, 2*firstDelay, wait, "a day less a second is not quiet enough")
	b.clock.Advance(forgetAfter)
	b.spendFreeTries("rita")
	code, wait = b.guess("203.0.113.7", "rita")
	require.Equal(t, fault.RateLimited, code)
	require.Equal(t, firstDelay, wait)
}

// threat A5: a thousand at once are no more guesses than a thousand one after the other.
func TestGuessesAtOnceAreCountedBeforeTheyAreAnswered(t *testing.T) {
	b := newBenchIn(t, t.TempDir(), newClock(), Options{HashSlots: 4})
	b.user("rita", "reviewer")
	before := b.hashed()
	var mu sync.Mutex
	codes := map[fault.Code]int{}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			_, err := b.signIn(at(fmt.Sprintf("198.51.100.%d", i)), "rita", wrongPassword, true)
			mu.Lock()
			defer mu.Unlock()
			codes[fault.CodeOf(err)]++
		})
	}
	wg.Wait()
	require.LessOrEqual(t, codes[fault.Unauthenticated], freeTries, "%v", codes)
	require.Positive(t, codes[fault.Unauthenticated])
	require.Equal(t, 200, codes[fault.Unauthenticated]+codes[fault.RateLimited], "%v", codes)
	require.EqualValues(t, codes[fault.Unauthenticated], b.hashed()-before)
}

func TestOverlongInputCostsNoHashButCounts(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	before := b.hashed()
	for i := range addressTries {
		r := LoginRequest{Username: "rita", Password: strings.Repeat("x", password.MaxBytes+1)}
		if i%2 == 0 {
			r = LoginRequest{Username: strings.Repeat("x", maxSignInName+1), Password: adminPassword}
		}
		_, err := b.Login(context.Background(), at("203.0.113.7"), r)
		requireCode(t, fault.Unauthenticated, err)
	}
	_, err := b.Login(context.Background(), at("203.0.113.7"), LoginRequest{Username: "rita", Password: strings.Repeat("x", password.MaxBytes+1)})
	requireCode(t, fault.RateLimited, err)
	require.Equal(t, before, b.hashed())
	_, err = b.signIn(at("203.0.113.8"), "rita", adminPassword, true)
	require.NoError(t, err, "no name was counted")
}

// threat A1: tokens can't be tried without end, and whoever tries them does not keep the owner of the right one waiting.
func TestSetupTokensOfOneAddressAreBounded(t *testing.T) {
	b := newBench(t)
	token, _, err := b.SetupToken(context.Background())
	require.NoError(t, err)
	wrongToken := strings.Repeat("0", len(token))
	for range addressTries {
		_, err := b.CompleteSetup(context.Background(), origin(), wrongToken, adminName, adminPassword)
		requireCode(t, fault.Unauthenticated, err)
	}
	_, err = b.CompleteSetup(context.Background(), origin(), wrongToken, adminName, adminPassword)
	requireCode(t, fault.RateLimited, err)
	require.Positive(t, fault.From(err).RetryAfter)
	_, err = b.CompleteSetup(context.Background(), at("203.0.113.7"), wrongToken, adminName, adminPassword)
	requireCode(t, fault.Unauthenticated, err)
	in, err := b.CompleteSetup(context.Background(), origin(), token, adminName, adminPassword)
	require.NoError(t, err)
	require.NotEmpty(t, in.DeviceToken)
	// Set-up tokens are counted apart from passwords.
	code, _ := b.guess("10.1.2.3", "nobody")
	require.Equal(t, fault.Unauthenticated, code)
}

// A wrong current password is a guess like any other.
func TestChangePasswordUsesTheSameCounters(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	p := b.as("rita") // at origin(), which is known from then on
	for range freeTries {
		_, err := b.ChangePassword(context.Background(), p, wrongPassword, "another private sentence")
		requireCode(t, fault.Forbidden, err)
	}
	_, err := b.ChangePassword(context.Background(), p, adminPassword, "another private sentence")
	requireCode(t, fault.RateLimited, err)
	_, err = b.signIn(origin(), "rita", adminPassword, true)
	requireCode(t, fault.RateLimited, err)
	b.clock.Advance(firstDelay)
	_, err = b.ChangePassword(context.Background(), p, adminPassword, "another private sentence")
	require.NoError(t, err)
}

// A try that was never checked is no guess: it says nothing to whoever made it.
func TestATryThatNeverRanIsNotCounted(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 3 * freeTries {
		_, err := b.Login(ctx, at("203.0.113.7"), LoginRequest{Username: "rita", Password: wrongPassword})
		requireCode(t, fault.Canceled, err)
	}
	_, err := b.signIn(at("203.0.113.7"), "rita", adminPassword, true)
	require.NoError(t, err)
}
