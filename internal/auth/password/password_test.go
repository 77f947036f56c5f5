package password

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/auth/names"
	"guardhouse/internal/fault"
)

func TestCheckPassword(t *testing.T) {
	for _, good := range []string{
		"correct horse battery staple", "a long and private sentence", strings.Repeat("ab cd ef gh ", 85), "rita rides 7 horses", "密码是一个很长的句子",
		"Tr0ub4dor&3xyz",
	} {
		require.NoError(t, Check("rita", good), good)
	}
	bad := map[string]string{
		"empty": "", "eleven": "abcdefghijX", "over": strings.Repeat("ab cd ", 171), "name": "rita.oneill.1", "name, other case": "RITA.ONEILL.1",
		"name, look-alike": "rіtа.оnеill.1", "name twice": "rita.oneill.1rita.oneill.1", "listed": "password1234", "listed, other case": "PassWord1234",
		"one character": "aaaaaaaaaaaa", "unit": "abcabcabcabca", "digits": "123456789012", "backwards": "210987654321", "alphabet": "abcdefghijkl",
		"keyboard": "qwertyuiopas", "walk": "1qaz2wsx3edc", "doubled": "passwordpassword", "not UTF-8": "abcdefgh\xff\xfe\xfd\xfc1", "product": "guardhouse123",
	}
	for name, password := range bad {
		err := Check("rita.oneill.1", password)
		require.Error(t, err, name)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
		require.Equal(t, "password", fault.From(err).Field)
		if password != "" {
			require.NotContains(t, err.Error(), password, name)
		}
	}
	require.NoError(t, Check("rita", strings.Repeat("x y z ", 170)+"abcd"), "1,024 bytes are allowed")
}

func commonIn(p string) (lengths []int) {
	commonAt(p, func(n int) { lengths = append(lengths, n) })
	return lengths
}

func TestCommonWordsAreSortedAndFound(t *testing.T) {
	require.True(t, strings.HasSuffix(commonWords, "\n"))
	last, n := "", 0
	for line := range strings.Lines(commonWords) {
		word := strings.TrimSuffix(line, "\n")
		require.Greater(t, word, last, "sorted, once each")
		require.GreaterOrEqual(t, len(word), 3, word)
		require.LessOrEqual(t, len(word), 40, word)
		require.Equal(t, fold(word), word)
		require.Contains(t, commonIn(word), len(word), word)
		require.NotContains(t, commonIn(word+"~"), len(word)+1, word)
		last, n = word, n+1
	}
	require.Greater(t, n, 1500)
	for _, none := range []string{"", "\n", "a", "zzzz", "\xff\xff\xff", "\npassword"} {
		require.Empty(t, commonIn(none), none)
	}
}

func TestPasswordsThatEverybodyGuesses(t *testing.T) {
	own := []string{"Doctor O'Neill", "guardhouse", "pacs-west", "guard.stmary.example"}
	for _, guessed := range []string{
		"Password2024!!", "P@ssw0rd1234", "drowssap12345", "letmein123456", "Summer2026!!!", "changeme12345", "welcome-welcome", "administrator",
		"Hospital@2026", "radiologist1", "Krankenhaus1!", "guardhouse2026", "Gu4rdh0use!!!", "ＧＵＡＲＤＨＯＵＳＥ１", // product, leet, width
		"stmary-2026!!", "Pacs-West2026", "west.pacs.west", // this server
		"rita.oneill.1", "OneillRita1990", "oneill-rita-oneill", "1.llieno.atir", "rita's password", "R1ta0neill!!", "Doctor O'Neill", "doctor-o'neill-1", // the person
		"1qaz2wsx3edc4rfv", "!QAZ2wsx#EDC", "qwertyuiop[]", "qazwsxedcrfv", "zaq12wsxcde3", "asdfghjkl;'123", "poiuytrewq12", "azertyuiop12", "qwertzuiop12",
		"abcdefghijkl", "zyxwvutsrqpo", "123456789012", "210987654321", "147258369147", "aaaaaaaaaaaa", "aaaaaabbbbbb", "abcabcabcabca", "x1!x1!x1!x1!x1!",
		"199003151234", "15031990rita", "zhangwei19900315", "20260101admin",
		"woaini1314520", "woaiwojia5201314", "guanliyuan123", "Zhongguo@123456", "beijing2008beijing", "mima12345678", "renminyiyuan1", "5201314woaini", "888888666666",
		"密码密码密码密码", "管理员123456", "我爱你我爱你", "北京医院2026",
		"iloveyouforever", "correcthorsebatterystaple", "1q2w3e4r5t6y", "a1b2c3d4e5f6",
	} {
		err := Check("rita.oneill.1", guessed, own...)
		require.Error(t, err, guessed)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
		require.NotContains(t, err.Error(), guessed)
	}
	for _, good := range []string{
		"correct horse battery staple", "a long and private sentence", "granite-lantern-orchard-57", "rita rides 7 horses", "密码是一个很长的句子", "xK9#mQ2$vL7p",
		"fjord-anvil-teapot", "Die Katze schnarcht laut", "wo zhu zai hu bian de hong fang zi", "384756102938", "tr8vqkz0mwpx", strings.Repeat("xy z1 ", 2) + "and more",
	} {
		require.NoError(t, Check("rita.oneill.1", good, own...), good)
	}
}

// The longest password costs milliseconds and little memory, whatever is in it.
func TestGuessingIsBoundedWork(t *testing.T) {
	for name, p := range map[string]string{
		"words": strings.Repeat("passwordx", 113), "one key": strings.Repeat("a", 511) + strings.Repeat("b", 512), "keys": strings.Repeat("qwertyuiopz", 93),
		"digits": strings.Repeat("19900315x", 113), "expanding": strings.Repeat("\uFDFA", 341), "random bytes in base64": strings.Repeat("Zm9v/9k+", 127) + "x",
	} {
		require.LessOrEqual(t, len(p), MaxBytes, name)
		allocated := testing.AllocsPerRun(3, func() { guessBits(p+"~", []string{"rita", "oneill"}) })
		require.Less(t, allocated, 40.0, name)
	}
}

func BenchmarkCheckPassword(b *testing.B) {
	for name, p := range map[string]string{"sentence": "correct horse battery staple", "1 KiB": strings.Repeat("passwordx", 113)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				guessBits(p+"~", []string{"rita"})
			}
		})
	}
}

func FuzzGuessBits(f *testing.F) {
	for _, seed := range []string{"", "a", "password", "P@ssw0rd2024", "密码", "\uFDFA", "1qaz2wsx", "19900315", "aaaa", "\xff", "0", "00000000"} {
		f.Add(seed, "rita")
	}
	f.Fuzz(func(t *testing.T, password, name string) {
		if len(password) > MaxBytes || len(name) > names.MaxBytes {
			return
		}
		bits := guessBits(password, nameParts(name, nil))
		require.GreaterOrEqual(t, bits, 0.0)
		require.LessOrEqual(t, bits, bitsRune*float64(len(fold(password)))+bitsCopies, "never dearer than letter by letter")
		_ = Check(name, password) // any answer, no crash
	})
}
