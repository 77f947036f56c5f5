package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// A figure of last year can be measured again only over the texts of last year: this hash does not change.
func TestTheSameSeedGivesTheSameTextsForEver(t *testing.T) {
	texts, sum := Generated(1), sha256.New()
	for i := range uint64(1000) {
		_, err := io.WriteString(sum, texts.at(i)+"\n")
		require.NoError(t, err)
	}
	require.Equal(t, "f70c785f76a3a8452827da73f87d0802388feec359665586da7a6cff72a724e7", hex.EncodeToString(sum.Sum(nil)))
	require.NotEqual(t, Generated(1).at(0), Generated(2).at(0))
}

func TestGeneratedTextsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	texts := Generated(7)
	const many = 20_000
	for _, from := range []uint64{0, 4_500_000, warmupTexts} {
		for i := range uint64(many) {
			text := texts.at(from + i)
			require.True(t, utf8.ValidString(text))
			seen[text] = true
		}
	}
	require.Len(t, seen, 3*many)
}

// The factor must visit every number: it shares no divisor with nine million (2, 3 and 5).
func TestCaseNumbersRepeatOnlyAfterNineMillion(t *testing.T) {
	const factor = 7_368_787
	for _, divisor := range []int{2, 3, 5} {
		require.NotZero(t, factor%divisor)
	}
}

func TestTextsAreHalfChineseAndOfTheStatedLengths(t *testing.T) {
	about := Generated(3).about
	require.InDelta(t, 0.5, about.Chinese, 0.06)
	require.Less(t, about.Characters.P5, about.Characters.P50)
	require.Less(t, about.Characters.P50, about.Characters.P95)
	c, sentences := chance(1), map[int]int{}
	for range 10_000 {
		sentences[[]int{1, 1, 1, 1, 1, 1, 2, 2, 2, 4}[c.of(10)]]++
	}
	require.InDelta(t, 6000, sentences[1], 200)
	require.InDelta(t, 3000, sentences[2], 200)
	require.InDelta(t, 1000, sentences[4], 200)
}

func TestRepeatedTexts(t *testing.T) {
	texts := Generated(1).Repeated(3)
	for _, from := range []uint64{0, 3, 300, warmupTexts} {
		for i := range uint64(3) {
			require.Equal(t, Generated(1).at(i), texts.at(from+i))
		}
	}
	require.EqualValues(t, 3, texts.about.Repeat)
}

func TestListedTexts(t *testing.T) {
	texts, err := Listed(strings.NewReader("plain line\n\n  {\"text\":\"from text\"}\n{\"input\":\"from input\",\"text\":\"no\"}\nplain line\r\n"), "f")
	require.NoError(t, err)
	require.Equal(t, 3, texts.about.Distinct, "empty and equal lines do not count")
	var all []string
	for i := range uint64(4) {
		all = append(all, texts.at(i))
	}
	require.Equal(t, []string{"plain line", "from text", "from input", "plain line (1)"}, all)
	require.NotContains(t, all, texts.at(warmupTexts))

	for name, body := range map[string]string{
		"holds no text": "\n\n",
		"line 2":        "a\n{\"other\":1}\n",
		"line 1":        "{\"text\":7}\n",
		"UTF-8":         "\xff\n",
		"more than":     strings.Repeat("x", maxTextLine+1),
	} {
		_, err := Listed(strings.NewReader(body), "f")
		require.ErrorContains(t, err, name)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
}

func ExampleGenerated() {
	texts := Generated(1)
	fmt.Println(texts.at(0))
	fmt.Println(texts.at(1))
	// Output:
	// 备忘1000001：药剂师想了解新的营业时间从哪一天开始，因为以前的记录已经过时了。
	// 备忘8368788：我的同事需要知道备用的监护仪放在什么地方。
}
