package names

import (
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// Letters that nobody writes names with today, but that draw a Latin one: no skeleton knows them, so no name has them.
//
// threats Z7, A5
func TestNamesThatOnlyPretendAreRefused(t *testing.T) {
	for script, name := range map[string]string{
		"small capital": "rᴏot", "small capitals": "ᴀlice", "small capital s": "ꜱam", "IPA small capital": "ʀoot", "blackletter o": "rꬽot",
		"Lisu": "ꓮlice", "all Lisu": "ꓡꓲꓢꓮ", "Cherokee": "Ꭺlice", "small Cherokee": "ꭺlice", "all Cherokee": "ꭺꮮꮖꮯꭼ",
		"Coptic": "ⲁlice", "Tifinagh": "rⵔot", "Deseret": "r𐐬ot", "Myanmar among Latin": "rဝot", "Georgian among Latin": "alicეa",
		"Thai among Latin": "rทot", "modifier letter": "alice\u02bc", "Arabic lengthening": "علـي",
	} {
		_, err := Clean(name)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
		require.Equal(t, "username", fault.From(err).Field, script)
	}
	for script, name := range map[string]string{
		"Arabic": "علي", "Hebrew": "דוד", "Thai": "สมชาย", "Devanagari": "रमन", "Georgian": "ნინო", "Burmese": "အမရ", "Japanese": "さくらサーバー",
		"Korean": "김철수", "Chinese and Latin": "李雷Lei", "Bopomofo": "ㄅㄆ", "Hausa": "ɓala", "Ewe": "kɔfi", "Azerbaijani": "əli", "Vietnamese": "nguyễn",
		"Ethiopic": "ሰላም", "Greek": "Νίκος", "Armenian": "Արամ", "Polish": "Łukasz", "with digits": "7.สมชาย",
	} {
		_, err := Clean(name)
		require.NoError(t, err, script)
	}
}
