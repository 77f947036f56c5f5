package auth

import (
	"context"
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func TestDeviceTokens(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	first := b.login("rita", true)
	require.Len(t, first.DeviceToken, deviceTokenLen)
	require.NotContains(t, first.DeviceToken, u.ID)
	id, known := b.knownDevice(u.ID, first.DeviceToken)
	require.True(t, known)

	// A device keeps its id, so that it keeps its counter; a new one gets another.
	again, err := b.Login(context.Background(), origin(), LoginRequest{Username: "rita", Password: adminPassword, DeviceToken: first.DeviceToken})
	require.NoError(t, err)
	sameID, known := b.knownDevice(u.ID, again.DeviceToken)
	require.True(t, known)
	require.Equal(t, id, sameID)
	otherID, known := b.knownDevice(u.ID, b.login("rita", false).DeviceToken)
	require.True(t, known)
	require.NotEqual(t, id, otherID)

	raw, err := base64.RawURLEncoding.DecodeString(first.DeviceToken)
	require.NoError(t, err)
	for i := range raw {
		raw[i] ^= 1
		_, known := b.knownDevice(u.ID, base64.RawURLEncoding.EncodeToString(raw))
		require.False(t, known, "byte %d", i)
		raw[i] ^= 1
	}
	for name, token := range map[string]string{
		"none": "", "cut": first.DeviceToken[1:], "longer": first.DeviceToken + "A", "padded": first.DeviceToken + "=", "other alphabet": strings.Repeat("+", deviceTokenLen),
		"session token": first.CookieToken,
	} {
		_, known := b.knownDevice(u.ID, token)
		require.False(t, known, name)
	}
	_, known = b.knownDevice("", b.deviceToken("", id))
	require.False(t, known, "nobody is known nowhere")
	_, known = b.knownDevice(u.ID+"x", first.DeviceToken)
	require.False(t, known)
	_, known = newBench(t).knownDevice(u.ID, first.DeviceToken)
	require.False(t, known, "signed with the key of this folder")

	b.clock.Advance(DeviceLife - time.Second)
	_, known = b.knownDevice(u.ID, first.DeviceToken)
	require.True(t, known)
	b.clock.Advance(time.Second)
	_, known = b.knownDevice(u.ID, first.DeviceToken)
	require.False(t, known)
}

func TestADeviceTokenIsNoCredential(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	in := b.login("rita", true)
	requireRefused(t, b, Credential{Cookie: in.DeviceToken})
	requireRefused(t, b, Credential{Bearer: in.DeviceToken})
	_, err := b.Login(context.Background(), origin(), LoginRequest{Username: "rita", DeviceToken: in.DeviceToken})
	requireCode(t, fault.Unauthenticated, err)
}

// Sessions of an earlier run make addresses known, for a month.
func TestKnownAddressesComeFromTheSessions(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := newBenchIn(t, dir, c, Options{})
	u := b.user("rita", "reviewer")
	b.user("nora", "nurse")
	_, err := b.signIn(at("2001:db8:1:2::7"), "rita", adminPassword, true)
	require.NoError(t, err)

	again := newBenchIn(t, dir, c, Options{})
	again.spendFreeTries("rita")
	again.spendFreeTries("nora")
	_, err = again.signIn(at("2001:db8:1:2::8"), "rita", adminPassword, true)
	require.NoError(t, err, "the same network")
	for _, stranger := range []string{"2001:db8:1:3::7", "203.0.113.7"} {
		_, err = again.signIn(at(stranger), "rita", adminPassword, true)
		requireCode(t, fault.RateLimited, err)
	}
	_, err = again.signIn(at("2001:db8:1:2::8"), "nora", adminPassword, true)
	requireCode(t, fault.RateLimited, err) // known to rita alone

	key := again.addressKey(u.ID, networkOf(netip.MustParseAddr("2001:db8:1:2::7")))
	require.True(t, again.known.has(key, c.Now().Add(knownFor-time.Second)))
	require.False(t, again.known.has(key, c.Now().Add(knownFor)))
}

func TestKnownAddressesAreBounded(t *testing.T) {
	k := knownAddresses{seen: map[counterKey]int64{}}
	start := newClock().Now()
	for i := range maxKnown + 10 {
		k.note(numbered(i), start.Add(time.Duration(i)*time.Millisecond))
		require.LessOrEqual(t, len(k.seen), maxKnown)
	}
	require.False(t, k.has(numbered(0), start))
	require.True(t, k.has(numbered(maxKnown+9), start))
	var unread knownAddresses
	unread.note(numbered(1), start)
	require.Nil(t, unread.seen, "what is not read yet is read whole later")
}

func TestNetworkOf(t *testing.T) {
	for ip, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64",
	} {
		require.Equal(t, want, networkOf(netip.MustParseAddr(ip)))
	}
	require.Empty(t, networkOf(netip.Addr{}))
}

func FuzzDeviceToken(f *testing.F) {
	b := newBench(f)
	u := b.user("rita", "reviewer")
	good := b.login("rita", true).DeviceToken
	for _, seed := range []string{good, "", good[1:], good + "=", strings.ToUpper(good), strings.Repeat("A", deviceTokenLen), "\xff", strings.Repeat("é", 35)} {
		f.Add(seed, u.ID)
	}
	f.Fuzz(func(t *testing.T, token, user string) {
		id, known := b.knownDevice(user, token)
		if token == good && user == u.ID {
			require.True(t, known)
			return
		}
		require.False(t, known)
		require.Zero(t, id)
	})
}
