package bench

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"guardhouse/internal/fault"
)

// Texts is a numbered list of texts without end: the same number always gives the same text.
type Texts struct {
	at    func(uint64) string
	about TextsReport
}

// warmupTexts is where the numbers of texts begin that no round measures.
const warmupTexts = uint64(1) << 40

// maxTextLine bounds one line of a file of texts: the body limit of our API.
const maxTextLine = 1 << 20

// Generated answers texts that a seed makes: English and Chinese in turn by chance, ordinary sentences of a ward or a branch,
// 60 % of one sentence, 30 % of two, 10 % of four. No two among nine million are equal.
func Generated(seed uint64) Texts {
	return described(Texts{at: func(i uint64) string { return generate(seed, i) }, about: TextsReport{Source: "generated", Seed: &seed}})
}

// Listed answers the texts of r, one a line: a JSON object with "input" or "text", or the line itself. Equal ones count once. When
// all have been sent, they come again with their turn behind them, so that none is sent twice. It refuses an empty list.
func Listed(r io.Reader, name string) (Texts, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxTextLine)
	var all []string
	seen, sum := map[string]bool{}, sha256.New()
	for n := 1; lines.Scan(); n++ {
		text, err := textOf(lines.Bytes())
		if err != nil {
			return Texts{}, fault.Newf(fault.Invalid, "%s, line %d: %s", name, n, err.Error())
		}
		if text != "" && !seen[text] {
			seen[text] = true
			all = append(all, text)
			fmt.Fprintf(sum, "%d:%s", len(text), text)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return Texts{}, fault.Newf(fault.Invalid, "%s has a line of more than %d bytes", name, maxTextLine)
	case err != nil:
		return Texts{}, fault.Wrap(err, fault.Invalid, "the texts can't be read: "+err.Error())
	case len(all) == 0:
		return Texts{}, fault.Newf(fault.Invalid, "%s holds no text", name)
	}
	about := TextsReport{Source: name, Distinct: len(all), SHA256: hex.EncodeToString(sum.Sum(nil))}
	return described(Texts{about: about, at: func(i uint64) string {
		if i >= warmupTexts { // from the other end, so that a short round does not find them remembered
			back := (i - warmupTexts) % uint64(len(all))
			return all[uint64(len(all))-1-back] + " (" + strconv.FormatUint(i, 36) + ")"
		}
		if turn := i / uint64(len(all)); turn > 0 {
			return all[i%uint64(len(all))] + " (" + strconv.FormatUint(turn, 10) + ")"
		}
		return all[i]
	}}), nil
}

func textOf(line []byte) (string, error) {
	line = bytes.TrimSpace(line)
	if !utf8.Valid(line) {
		return "", errors.New("no UTF-8 text")
	}
	if !bytes.HasPrefix(line, []byte("{")) {
		return string(line), nil
	}
	var object struct{ Input, Text *string }
	if err := json.Unmarshal(line, &object); err != nil {
		return "", errors.New("no JSON object with a text")
	}
	switch {
	case object.Input != nil:
		return *object.Input, nil
	case object.Text != nil:
		return *object.Text, nil
	}
	return "", errors.New(`a JSON object without "input" and "text"`)
}

// Repeated answers the first n of the texts over and over, in the warm-up too.
func (t Texts) Repeated(n uint64) Texts {
	at := t.at
	t.about.Repeat = n
	t.at = func(i uint64) string { return at(i % warmupTexts % n) }
	return described(t)
}

// described counts the characters of the first thousand texts.
func described(t Texts) Texts {
	const sampled = 1000
	lengths := make([]int, sampled)
	chinese := 0
	for i := range lengths {
		text := t.at(uint64(i))
		lengths[i] = utf8.RuneCountInString(text)
		if hasHan(text) {
			chinese++
		}
	}
	slices.Sort(lengths)
	rank := func(share float64) int { return lengths[rankOf(sampled, share)] }
	t.about.Characters = Lengths{Lowest: lengths[0], P5: rank(0.05), P50: rank(0.5), P95: rank(0.95), Highest: lengths[sampled-1]}
	t.about.Chinese = float64(chinese) / sampled
	return t
}
