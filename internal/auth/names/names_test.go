package names

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"guardhouse/internal/fault"
)

func TestCleanName(t *testing.T) {
	good := map[string]string{
		"rita": "rita", "Rita.O_Neill-2@ward": "Rita.O_Neill-2@ward", "李雷": "李雷", "ab": "ab", "Ünal": "Ünal", "U\u0308nal": "Ünal",
		strings.Repeat("a", 64): strings.Repeat("a", 64), "ｒｉｔａ": "rita", "佐々木": "佐々木", "Мария": "Мария", "@1": "@1",
	}
	for raw, want := range good {
		got, err := Clean(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got)
	}
	bad := map[string]string{
		"empty": "", "one": "a", "65": strings.Repeat("a", 65), "space": "a b", "colon": "user:rita", "star": "*", "slash": "a/b",
		"control": "ab\x00", "new line": "ab\n", "escape": "ab\x1b[2J", "no letter": "..", "right to left": "ab\u202Ecd", "zero width": "ab\u200Bcd",
		"joiner": "ab\u200Dcd", "filler": "ab\u3164", "half filler": "ab\uFFA0", "combining only": "a\u0301\u0302\u0303", "emoji": "rita😀",
		"not UTF-8": "ab\xff", "long in bytes": strings.Repeat("鬱", 64) + "鬱", "quote": "a'b", "lt": "a<b", "soft hyphen": "ab\u00AD",
		"ligature of words": "ﷺ", "huge": strings.Repeat("a", 1<<16),
	}
	for name, raw := range bad {
		_, err := Clean(raw)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
		require.Equal(t, "username", fault.From(err).Field, name)
	}
}

func TestSkeletonFoldsLookAlikes(t *testing.T) {
	same := [][]string{
		{"admin", "ADMIN", "Admin", "аdmin", "АDМІN", "ａｄｍｉｎ", "adm1n", "admln", "admın", "ádmin", "αdmιn", "ΑDΜΙΝ", "adrnin", "𝐚𝐝𝐦𝐢𝐧"},
		{"oliver", "OLIVER", "0liver", "о1іvеr", "oliνer", "OLIVΕR", "оliver", "oIiver", "𝗈𝗅𝗂𝗏𝖾𝗋"},
		{"user10", "user1o", "userlO", "user١٠", "user１０", "user१०"},
		{"wendy", "vvendy", "ԝendy", "ωendy"},
		{"straße", "STRASSE", "strasse"},
		{"scope", "ѕсоре", "ЅСОРЕ"},
		{"nurse", "nυrse", "ոurse"},
		{"李雷", "李雷"},
	}
	for _, class := range same {
		for _, other := range class[1:] {
			require.Equal(t, Skeleton(class[0]), Skeleton(other), "%s and %s", class[0], other)
		}
	}
	for _, pair := range [][2]string{
		{"anna", "anne"},
		{"user1", "user2"},
		{"李雷", "李蕾"},
		{"rita", "rite"},
		{"a.b", "ab"},
		{"a-b", "a_b"},
		{"han", "van"},
		{"nan", "van"},
		{"мария", "марина"},
		{"νίκος", "νίκη"},
		{"bob", "dob"},
	} {
		require.NotEqual(t, Skeleton(pair[0]), Skeleton(pair[1]), "%s and %s", pair[0], pair[1])
	}
}

func TestSkeletonIgnoresCaseOfPlainNames(t *testing.T) {
	letters := map[string]*unicode.RangeTable{"latin": unicode.Latin, "cyrillic": unicode.Cyrillic, "greek": unicode.Greek}
	for script, table := range letters {
		t.Run(script, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				letter := rapid.RuneFrom(nil, table).Filter(func(r rune) bool { return scriptOf(r) >= 0 })
				name := rapid.StringOfN(letter, 2, 20, -1).Filter(func(s string) bool { _, err := Clean(s); return err == nil }).Draw(t, "name")
				name, err := Clean(name)
				require.NoError(t, err)
				key := Skeleton(name)
				require.Equal(t, key, Skeleton(Fold(name)), "folding the case changes nothing")
				require.Equal(t, Fold(name), Fold(Fold(name)))
			})
		})
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"rita", "аdmin", "ｒｉｔａ", "ﷺ", "a\u0301", "\xff", "user:*", "İstanbul", "ŉ", "ΐ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, err := Clean(raw)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			return
		}
		again, err := Clean(name)
		require.NoError(t, err, "a stored name is a good name")
		require.Equal(t, name, again)
		require.NotEmpty(t, Skeleton(name))
		require.NotContains(t, name, ":")
	})
}

// These stand in databases: another skeleton for a name that is in use would let its look-alike in, and would keep its
// holder out. A change here needs a migration that rewrites username_key.
func TestSkeletonsThatAreStored(t *testing.T) {
	for name, key := range map[string]string{
		"admin": "admln", "Rita.O_Neill-2@ward": "rlta.o_nelll-2@ward", "modern": "modem", "wendy": "wendy", "user10": "userlo", "李雷": "李雷",
		"Straße": "strasse", "José": "jose", "Мария": "mapия", "Νίκος": "nlkoo", "佐々木": "佐々木", "김철수": "\u1100\u1175\u11b7\u110e\u1165\u11af\u1109\u116e",
	} {
		if got := Skeleton(name); got != key {
			t.Errorf("%s: %q, was %q", name, got, key)
		}
	}
}
