package auth

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

func TestKeysHaveAddressesAndARate(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	k, secret := b.key(rita, NewKey{IPRanges: []string{"10.1.0.0/16", "2001:db8::/32", "10.1.0.0/16", "192.0.2.7"}, RateLimit: "100req/min"})
	require.Equal(t, []string{"10.1.0.0/16", "2001:db8::/32", "192.0.2.7/32"}, k.IPRanges, "in one spelling, each once")
	require.Equal(t, "100req/min", k.RateLimit, "as it was written")
	p, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.7/32")}, p.KeyIPRanges)
	require.EqualValues(t, 100, p.KeyRate.N)
	require.Equal(t, time.Minute, p.KeyRate.Per)
	page, err := b.ListKeys(context.Background(), rita, 0, "")
	require.NoError(t, err)
	require.Equal(t, k.IPRanges, page.Items[0].IPRanges)
	require.Equal(t, k.RateLimit, page.Items[0].RateLimit)

	_, plain := b.key(rita, NewKey{})
	p, err = b.Authenticate(context.Background(), Credential{Bearer: plain}, origin())
	require.NoError(t, err)
	require.Nil(t, p.KeyIPRanges)
	require.Nil(t, p.KeyRate)
}

// A key that was stolen is no use elsewhere: no action of it is open there, run a model or not.
func TestKeysWorkFromTheirAddressesAlone(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	_, secret := b.key(b.as("rita"), NewKey{IPRanges: []string{"10.1.0.0/16", "2001:db8::/32"}})
	for addr, ok := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "2001:db8::1": true, "10.2.0.1": false, "::ffff:10.2.0.1": false, "2001:db9::1": false, "127.0.0.1": false, "": false,
	} {
		o := origin()
		o.IP = netip.Addr{}
		if addr != "" {
			o.IP = netip.MustParseAddr(addr)
		}
		p, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, o)
		require.NoError(t, err, "who somebody is, is known")
		for _, a := range access.AllActions() {
			if !ok {
				require.False(t, b.guard.Can(p, a), "%s from %s", a, addr)
			}
		}
		err = b.enters(p, access.Infer, "guard-nano")
		require.Equal(t, ok, err == nil, "%s: %v", addr, err)
		if !ok {
			requireCode(t, fault.Forbidden, err)
		}
	}
}

func TestKeyLimitsThatAreNone(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	many := make([]string, maxKeyRanges+1)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.%d.0/24", i)
	}
	ranges := func(list ...string) NewKey { return NewKey{IPRanges: list} }
	for name, c := range map[string]struct {
		k     NewKey
		field string
	}{
		"bits behind the length": {ranges("10.1.2.3/8"), "ip_ranges"}, "no address": {ranges("localhost"), "ip_ranges"}, "empty": {ranges(""), "ip_ranges"},
		"a zone": {ranges("fe80::1%eth0"), "ip_ranges"}, "octal": {ranges("010.0.0.1"), "ip_ranges"}, "long": {ranges(strings.Repeat("1", 1<<16)), "ip_ranges"},
		"too far": {ranges("10.0.0.0/33"), "ip_ranges"}, "space": {ranges(" 10.0.0.0/8"), "ip_ranges"}, "one bad among good": {ranges("10.0.0.0/8", "x"), "ip_ranges"},
		"many": {NewKey{IPRanges: many}, "ip_ranges"},
		"rate": {NewKey{RateLimit: "100 per minute"}, "rate_limit"}, "rate of nothing": {NewKey{RateLimit: "0/min"}, "rate_limit"}, "negative rate": {NewKey{RateLimit: "-1/s"}, "rate_limit"},
		"space about the rate": {NewKey{RateLimit: " 1/s"}, "rate_limit"}, "huge rate": {NewKey{RateLimit: strings.Repeat("9", 1<<12) + "/s"}, "rate_limit"},
	} {
		c.k.Label = "k"
		_, secret, err := b.CreateKey(context.Background(), rita, c.k, nil)
		requireCode(t, fault.Invalid, err)
		require.Empty(t, secret)
		require.Equal(t, c.field, fault.From(err).Field, name)
		require.Less(t, len(fault.From(err).Message), 400, name)
	}
	require.Zero(t, b.count("SELECT count(*) FROM api_keys"))
}

// What can't be read narrows nothing if it is taken for nothing: it is an error instead.
func TestKeyLimitsThatCanNotBeReadLetNobodyIn(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	k, secret := b.key(b.as("rita"), NewKey{})
	for column, value := range map[string]string{"ip_ranges": `["10.1.2.3/8"]`, "rate_limit": "often", "models": `{}`, "operations": `[1]`} {
		b.exec("UPDATE api_keys SET "+column+" = ? WHERE id = ?", value, k.ID)
		_, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
		requireCode(t, fault.Internal, err)
		b.exec("UPDATE api_keys SET ip_ranges = '[]', rate_limit = '', models = '[]', operations = '[]' WHERE id = ?", k.ID)
	}
	_, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
}

// threat K1: a mistyped key is told by its text alone, whichever letter it is.
func TestMistypedKeysAreToldApart(t *testing.T) {
	id, key, err := newAPIKey()
	require.NoError(t, err)
	got, ok := KeyID(key)
	require.True(t, ok)
	require.Equal(t, id, got)
	for i := range key {
		for _, c := range []byte("0aAzZ-\x00") {
			typed := key[:i] + string(c) + key[i+1:]
			if typed == key {
				continue
			}
			_, ok := KeyID(typed)
			require.False(t, ok, "%d", i)
		}
		if i > 0 {
			swapped := []byte(key)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			_, ok := KeyID(string(swapped))
			require.Equal(t, string(swapped) == key, ok, "%d", i)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if _, ok := KeyID(rapid.StringMatching(`gh_[0-9a-z]{10}[0-9A-Za-z]{49}`).Draw(t, "key")); ok {
			t.Fatal("a random text has a right checksum")
		}
	})
}

func TestKeysHaveEntropy(t *testing.T) {
	seen := map[string]bool{}
	for range 1_000 {
		id, key, err := newAPIKey()
		require.NoError(t, err)
		require.False(t, seen[id] || seen[key])
		seen[id], seen[key] = true, true
	}
	require.GreaterOrEqual(t, keySecret*8, 192)
}
