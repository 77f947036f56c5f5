package password

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sentence = "correct horse battery staple"

// cheap keeps the tests fast; StandardCost is measured and asserted on its own.
func cheap() Cost { return Cost{Memory: 64, Time: 1, Threads: 1} }

func TestStandardCostIsTheContracts(t *testing.T) {
	c := StandardCost()
	require.Equal(t, Cost{Memory: 65536, Time: 3, Threads: 1}, c)
	phc, err := c.Hash(sentence)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(phc, "$argon2id$v=19$m=65536,t=3,p=1$"), phc)
	ok, paid, err := Verify(phc, sentence)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, c, paid)
	require.False(t, paid.Below(c))
	ok, _, err = Verify(phc, sentence+" ")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestHashesAreSalted(t *testing.T) {
	a, err := cheap().Hash(sentence)
	require.NoError(t, err)
	b, err := cheap().Hash(sentence)
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}

func TestParsePHCRefuses(t *testing.T) {
	good, err := cheap().Hash("x")
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

// What is topped up to today's cost (threat A5) takes no more memory than today's hash.
func TestMinusIsWhatIsLeftOfTheWork(t *testing.T) {
	standard := StandardCost()
	for _, old := range []Cost{{Memory: 19 << 10, Time: 2, Threads: 1}, {Memory: 64 << 10, Time: 1, Threads: 1}, {Memory: 64, Time: 1, Threads: 1}, {Memory: 64 << 10, Time: 2, Threads: 4}} {
		rest, left := standard.Minus(old)
		require.True(t, left)
		require.LessOrEqual(t, rest.Memory, standard.Memory, "in no more memory")
		require.InDelta(t, float64(standard.Work()), float64(rest.Work()+old.Work()), float64(rest.Time))
	}
	_, left := standard.Minus(standard)
	require.False(t, left)
}

func FuzzPHC(f *testing.F) {
	good, err := cheap().Hash("x")
	require.NoError(f, err)
	for _, seed := range []string{good, "", "$argon2id$v=19$m=65536,t=3,p=1$$", strings.Replace(good, "m=64", "m=99999999999", 1), good + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, phc string) {
		c, salt, tag, err := parsePHC(phc)
		if err != nil {
			require.ErrorIs(t, err, errHashFormat)
			return
		}
		require.Equal(t, phc, c.encode(salt, tag))
		require.LessOrEqual(t, c.Memory, uint32(maxMemory))
	})
}

func BenchmarkPasswordHash(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := StandardCost().Hash(sentence); err != nil {
			b.Fatal(err)
		}
	}
}
