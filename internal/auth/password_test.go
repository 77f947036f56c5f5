package auth

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func TestCheckPassword(t *testing.T) {
	for _, good := range []string{
		"correct horse battery staple", "a long and private sentence", strings.Repeat("ab cd ef gh ", 85), "rita rides 7 horses", "密码是一个很长的句子",
		"Tr0ub4dor&3xyz", "rita's password",
	} {
		require.NoError(t, checkPassword("rita", good), good)
	}
	bad := map[string]string{
		"empty": "", "eleven": "abcdefghijX", "over": strings.Repeat("ab cd ", 171), "name": "rita.oneill.1", "name, other case": "RITA.ONEILL.1",
		"name, look-alike": "rіtа.оnеill.1", "name twice": "rita.oneill.1rita.oneill.1", "listed": "password1234", "listed, other case": "PassWord1234",
		"one character": "aaaaaaaaaaaa", "unit": "abcabcabcabca", "digits": "123456789012", "backwards": "210987654321", "alphabet": "abcdefghijkl",
		"keyboard": "qwertyuiopas", "walk": "1qaz2wsx3edc", "doubled": "passwordpassword", "not UTF-8": "abcdefgh\xff\xfe\xfd\xfc1", "product": "guardhouse123",
	}
	for name, password := range bad {
		err := checkPassword("rita.oneill.1", password)
		require.Error(t, err, name)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
		require.Equal(t, "password", fault.From(err).Field)
		if password != "" {
			require.NotContains(t, err.Error(), password, name)
		}
	}
	require.NoError(t, checkPassword("rita", strings.Repeat("x y z ", 170)+"abcd"), "1,024 bytes are allowed")
}

func TestCommonListIsWorthEmbedding(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(commonPasswords) {
		p := strings.TrimSuffix(line, "\n")
		require.GreaterOrEqual(t, len(p), minPassword, p)
		require.Equal(t, strings.ToLower(p), p)
		require.False(t, seen[p], p)
		seen[p] = true
	}
	require.Greater(t, len(seen), 1000)
}

func TestStandardCostIsTheContracts(t *testing.T) {
	c := standardCost()
	require.Equal(t, cost{memory: 65536, time: 3, threads: 1}, c)
	phc, err := c.hash(adminPassword)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(phc, "$argon2id$v=19$m=65536,t=3,p=1$"), phc)
	ok, weak, err := c.verify(phc, adminPassword)
	require.NoError(t, err)
	require.True(t, ok)
	require.False(t, weak)
	ok, _, err = c.verify(phc, adminPassword+" ")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestHashesAreSalted(t *testing.T) {
	a, err := cheap().hash(adminPassword)
	require.NoError(t, err)
	b, err := cheap().hash(adminPassword)
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}

func TestParsePHCRefuses(t *testing.T) {
	good, err := cheap().hash("x")
	require.NoError(t, err)
	_, _, _, err = parsePHC(good)
	require.NoError(t, err)
	bad := []string{
		"", "x", "$argon2i$" + good[10:], strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "m=64", "m=4294967295", 1),
		strings.Replace(good, "m=64", "m=064", 1), strings.Replace(good, "m=64", "m=-64", 1), strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "t=1", "t=1000", 1), strings.Replace(good, "m=64", "m=1", 1), good + "x", good + "$", good[:len(good)-4], strings.Replace(good, "p=1", "p=1,x=2", 1),
		"$2a$10$abcdefghijklmnopqrstuv",
	}
	for _, phc := range bad {
		_, _, _, err := parsePHC(phc)
		require.ErrorIs(t, err, errHashFormat, phc)
	}
}
