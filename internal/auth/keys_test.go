package auth

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
)

var keyForm = regexp.MustCompile(`^gh_[0-9a-z]{10}[0-9A-Za-z]{49}$`)

func (b *bench) key(p access.Principal, k NewKey) (Key, string) {
	b.t.Helper()
	if k.Label == "" {
		k.Label = "test"
	}
	made, secret, err := b.CreateKey(context.Background(), p, k, nil)
	require.NoError(b.t, err)
	return made, secret
}

func TestKeyIsMadeUsedAndRevoked(t *testing.T) {
	b := newBench(t)
	u := b.user("rita", "reviewer")
	rita := b.as("rita")
	until := b.clock.Now().Add(time.Hour)
	var k Key
	var secret string
	r := b.oneRow(func() {
		k, secret = b.key(rita, NewKey{
			Label: "ward tablets", Models: []string{"guard-nano", "guard-nano"}, Operations: []string{"infer"}, ValidUntil: &until,
		})
	})
	require.Equal(t, row{"user", "key.own", "allow", "", "key:" + k.ID}, r)
	require.Regexp(t, keyForm, secret)
	require.Equal(t, "key_"+secret[3:13], k.ID)
	require.Equal(t, secret[:13], k.Prefix)
	require.Equal(t, []string{"guard-nano"}, k.Models)
	require.Equal(t, u.ID, k.UserID)
	require.Equal(t, "rita", k.Username)
	require.Zero(t, b.count("SELECT count(*) FROM api_keys WHERE secret_hash LIKE '%' || ? || '%'", secret[13:56]))

	p, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
	require.Equal(t, access.Principal{
		Kind: access.KindKey, UserID: u.ID, Name: "rita", Role: "reviewer", KeyID: k.ID, KeyLine: k.ID,
		KeyModels: []string{"guard-nano"}, KeyOperations: []string{"infer"}, Origin: origin(),
	}, p)
	page, err := b.ListKeys(context.Background(), rita, 0, "")
	require.NoError(t, err)
	require.Equal(t, b.clock.Now(), *page.Items[0].LastUsedAt)
	require.Equal(t, "10.1.2.3", page.Items[0].LastUsedIP)

	r = b.oneRow(func() { require.NoError(t, b.RevokeKey(context.Background(), rita, k.ID)) })
	require.Equal(t, row{"user", "key.own", "allow", "", "key:" + k.ID}, r)
	requireRefused(t, b, Credential{Bearer: secret})
	revoked := b.count("SELECT revoked_at FROM api_keys WHERE id = ?", k.ID)
	b.clock.Advance(time.Minute)
	require.NoError(t, b.RevokeKey(context.Background(), rita, k.ID), "again is no error")
	require.Equal(t, revoked, b.count("SELECT revoked_at FROM api_keys WHERE id = ?", k.ID), "and keeps the first moment")
}

func TestKeyEndsAtItsMoment(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	until := b.clock.Now().Add(time.Hour)
	_, secret := b.key(b.as("rita"), NewKey{ValidUntil: &until})
	b.clock.Advance(time.Hour - time.Millisecond)
	_, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
	b.clock.Advance(time.Millisecond)
	requireRefused(t, b, Credential{Bearer: secret})
}

func TestKeyLastUseIsWrittenOnceAMinute(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	k, secret := b.key(b.as("rita"), NewKey{})
	use := func() int {
		_, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
		require.NoError(t, err)
		return b.count("SELECT last_used_at FROM api_keys WHERE id = ?", k.ID)
	}
	first := use()
	b.clock.Advance(59 * time.Second)
	require.Equal(t, first, use())
	b.clock.Advance(time.Second)
	require.Equal(t, first+60_000, use())
}

// threat K1
func TestKeysThatAreNone(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	_, secret := b.key(b.as("rita"), NewKey{})
	_, other := b.key(b.as("rita"), NewKey{})
	resum := func(body string) string { return body + checksum(body) }
	body := secret[:keyLen-checkLen]
	bad := map[string]string{
		"prefix alone": "gh_", "cut": secret[:keyLen-1], "longer": secret + "0", "other check": body + "000000", "upper case": strings.ToUpper(secret),
		"one letter changed": resum(body[:20] + flip(body[20]) + body[21:]), "secret of another": resum(body[:13] + other[13:56]), "unknown id": resum("gh_0000000000" + body[13:]),
		"id in upper case": resum("gh_" + strings.ToUpper(body[3:13]) + body[13:]), "quote in the id": resum("gh_' OR 1=1--"[:13] + body[13:]),
		"wildcards": resum("gh_%%%%%%%%%%" + body[13:]), "secret only": secret[13:], "key id": "key_" + secret[3:13], "space": secret[:61] + " ",
		"not ASCII": resum(body[:50] + "éé" + body[54:]), "NUL": resum(body[:55] + "\x00"),
	}
	for name, key := range bad {
		t.Run(name, func(t *testing.T) { requireRefused(t, b, Credential{Bearer: key}) })
	}
	_, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestKeyOfAnotherRootIsNone(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	_, secret := b.key(b.as("rita"), NewKey{})
	b.keyHash = newKeys(make([]byte, rootSize)).Sub(labelKeyHash)
	requireRefused(t, b, Credential{Bearer: secret})
}

func TestNewKeyRefusals(t *testing.T) {
	b := newBench(t)
	b.user("rita", "reviewer")
	rita := b.as("rita")
	past, now := b.clock.Now().Add(-time.Second), b.clock.Now()
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint("m", i)
	}
	cases := map[string]struct {
		k     NewKey
		field string
	}{
		"no label": {NewKey{}, "label"}, "blank label": {NewKey{Label: "  "}, "label"}, "long label": {NewKey{Label: strings.Repeat("x", 65)}, "label"},
		"label with ESC": {NewKey{Label: "a\x1b[2J"}, "label"}, "label with bidi": {NewKey{Label: "a\u202Eb"}, "label"}, "label is no UTF-8": {NewKey{Label: "a\xff"}, "label"},
		"empty model": {NewKey{Label: "k", Models: []string{""}}, "models"}, "many models": {NewKey{Label: "k", Models: many}, "models"},
		"long model": {NewKey{Label: "k", Models: []string{strings.Repeat("m", 129)}}, "models"}, "unknown operation": {NewKey{Label: "k", Operations: []string{"infer", "own"}}, "operations"},
		"star operation": {NewKey{Label: "k", Operations: []string{"*"}}, "operations"}, "past": {NewKey{Label: "k", ValidUntil: &past}, "valid_until"}, "now": {NewKey{Label: "k", ValidUntil: &now}, "valid_until"},
		"owner by name": {NewKey{Label: "k", UserName: "rita"}, ""},
	}
	for name, c := range cases {
		r := b.oneRow(func() {
			k, secret, err := b.CreateKey(context.Background(), rita, c.k, nil)
			require.Error(t, err, name)
			require.Empty(t, secret)
			require.Zero(t, k)
			require.Equal(t, c.field, fault.From(err).Field, name)
		})
		require.NotEqual(t, "allow", r.Decision, name)
	}
	require.Zero(t, b.count("SELECT count(*) FROM api_keys"))
}

// threat Z5
func TestWhoMayMakeAKeyForWhom(t *testing.T) {
	b := newBench(t)
	admin := b.admin()
	b.role("keeper", "key.own", "key.manage", "session.own", "model.view", "moderation.run")
	b.user("kim", "keeper")
	rita, robot, boss := b.user("rita", "reviewer"), b.service("robot", "keeper"), b.service("boss", "admin")
	off := b.service("off", "guest")
	b.exec("UPDATE users SET status = 'disabled' WHERE id = ?", off.ID)
	b.user("guido", "guest")
	kim, guido := b.as("kim"), b.as("guido")
	_, secret := b.key(admin, NewKey{})
	key, err := b.Authenticate(context.Background(), Credential{Bearer: secret}, origin())
	require.NoError(t, err)

	cases := map[string]struct {
		by   access.Principal
		k    NewKey
		code fault.Code
	}{
		"own":                              {kim, NewKey{}, ""},
		"own by id":                        {kim, NewKey{UserID: kim.UserID}, ""},
		"service account":                  {kim, NewKey{UserID: robot.ID}, ""},
		"service account by admin":         {admin, NewKey{UserID: boss.ID}, ""},
		"person by admin":                  {admin, NewKey{UserID: rita.ID}, fault.Forbidden},
		"admin by key.manage":              {kim, NewKey{UserID: admin.UserID}, fault.Forbidden},
		"stronger service account":         {kim, NewKey{UserID: boss.ID}, fault.Forbidden},
		"disabled service account":         {admin, NewKey{UserID: off.ID}, fault.Unprocessable},
		"unknown":                          {admin, NewKey{UserID: "usr_x"}, fault.Unprocessable},
		"service account, no key.manage":   {b.as("rita"), NewKey{UserID: robot.ID}, fault.Forbidden},
		"unknown, no key.manage":           {b.as("rita"), NewKey{UserID: "usr_x"}, fault.Forbidden},
		"own, without key.own":             {guido, NewKey{}, fault.Forbidden},
		"by a key":                         {key, NewKey{}, fault.Forbidden},
		"by a key for a service account":   {key, NewKey{UserID: robot.ID}, fault.Forbidden},
		"anonymous":                        {access.Anonymous(origin()), NewKey{}, fault.Forbidden},
		"command line, by name":            {access.System("root"), NewKey{UserName: "RITA"}, ""},
		"command line, for the admin":      {access.System("root"), NewKey{UserName: adminName}, ""},
		"command line, for nobody":         {access.System("root"), NewKey{UserName: "nobody"}, fault.Unprocessable},
		"command line, without a user":     {access.System("root"), NewKey{}, fault.Unprocessable},
		"command line, for a disabled one": {access.System("root"), NewKey{UserName: "off"}, fault.Unprocessable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.k.Label = "k"
			var k Key
			r := b.oneRow(func() {
				var err error
				k, _, err = b.CreateKey(context.Background(), c.by, c.k, nil)
				requireCode(t, c.code, err)
			})
			switch c.code {
			case "":
				require.Equal(t, "allow", r.Decision)
				require.Equal(t, "key:"+k.ID, r.Resource)
			case fault.Forbidden:
				require.Equal(t, "deny", r.Decision)
			default:
				require.Equal(t, "error", r.Decision)
			}
		})
	}
}

// role makes a role with actions, as the matrix will.
func (b *bench) role(name string, actions ...string) {
	b.t.Helper()
	b.exec("INSERT INTO roles (name, builtin, created_at) VALUES (?, 0, 0)", name)
	for _, a := range actions {
		b.exec("INSERT INTO casbin_rules (ptype, v0, v1) VALUES ('p', ?, ?)", name, a)
	}
	require.NoError(b.t, b.guard.Reload(context.Background()))
}
