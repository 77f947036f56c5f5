package tokenizer

import (
	"hash/maphash"
	"strings"

	"guardhouse/internal/fault"
	"guardhouse/internal/gguf"
)

// addTokens fills pieces, ids, the byte table and the special literals.
func (t *Tokenizer) addTokens(tokens []string) error {
	alphabet := gguf.ByteAlphabet()
	byteOf := make(map[rune]byte, 256)
	for b, r := range alphabet {
		byteOf[r] = byte(b)
	}
	t.pieces = make([]string, len(tokens))
	t.ids = make(map[string]int32, len(tokens))
	var special []literal
	for i, token := range tokens {
		if token == "" {
			return fault.New(fault.Invalid, "the vocabulary holds an empty token")
		}
		if _, twice := t.ids[token]; twice {
			return fault.New(fault.Invalid, "the vocabulary holds a token twice")
		}
		t.ids[token] = int32(i)
		t.pieces[i] = token
		switch t.types[i] {
		case gguf.TokenNormal:
			t.pieces[i] = plain(token, byteOf)
		case gguf.TokenControl, gguf.TokenUserDefined, gguf.TokenUnknown:
			special = append(special, literal{text: token, id: int32(i)})
		}
	}
	t.special = newLiterals(special)
	for b, r := range alphabet {
		id, ok := t.ids[string(r)]
		if !ok && t.smollm && gguf.RareByte(byte(b)) {
			t.bytes[b], t.holes = none, true
			continue
		}
		if !ok || t.types[id] != gguf.TokenNormal {
			return fault.New(fault.Invalid, "the vocabulary has no token for some byte")
		}
		t.bytes[b] = id
	}
	return nil
}

// none stands for a byte that has no token; nothing merges with it.
const none = int32(-1)

// plain answers the bytes that a token of the byte alphabet stands for; a token with any other
// character stands for itself.
func plain(token string, byteOf map[rune]byte) string {
	var out strings.Builder
	out.Grow(len(token))
	for _, r := range token {
		b, ok := byteOf[r]
		if !ok {
			return token
		}
		out.WriteByte(b)
	}
	return out.String()
}

// addMerges fills the merge table; a merge's rank is its place in the list.
func (t *Tokenizer) addMerges(merges []string) error {
	t.merges = newMergeTable(len(merges))
	for rank, m := range merges {
		left, right, ok := strings.Cut(m, " ")
		a, okA := t.ids[left]
		b, okB := t.ids[right]
		c, okC := t.ids[left+right]
		if !ok || !okA || !okB || !okC {
			return fault.New(fault.Invalid, "a merge names a token that does not exist")
		}
		if !t.Ordinary(a) || !t.Ordinary(b) || !t.Ordinary(c) { // threat T1
			return fault.New(fault.Invalid, "a merge makes or uses a special token")
		}
		if !t.merges.add(a, b, int32(rank), c) {
			return fault.New(fault.Invalid, "a merge appears twice")
		}
	}
	return nil
}

// mergeTable maps a pair of ids to the merge's rank and product: open addressing, at most half full,
// because it is asked several times for each byte of text. The factor is of this table alone: a file
// cannot choose pairs that fall into one place.
type mergeTable struct {
	factor uint64
	shift  uint8
	slots  []merged
}

type merged struct {
	pair uint64 // left<<32 | right, plus one so that 0 is free
	rank int32
	id   int32
}

const noRank = int32(1<<31 - 1)

func newMergeTable(n int) mergeTable {
	shift := uint8(60)
	for size := 16; size < 2*n; size *= 2 {
		shift--
	}
	return mergeTable{factor: maphash.String(maphash.MakeSeed(), "") | 1, shift: shift, slots: make([]merged, 1<<(64-shift))}
}

func (m *mergeTable) find(a, b int32) *merged {
	pair := (uint64(uint32(a))<<32 | uint64(uint32(b))) + 1
	mask := uint64(len(m.slots) - 1)
	i := pair * m.factor >> m.shift
	for m.slots[i].pair != 0 && m.slots[i].pair != pair {
		i = (i + 1) & mask
	}
	return &m.slots[i]
}

func (m *mergeTable) add(a, b, rank, id int32) bool {
	s := m.find(a, b)
	if s.pair != 0 {
		return false
	}
	*s = merged{pair: (uint64(uint32(a))<<32 | uint64(uint32(b))) + 1, rank: rank, id: id}
	return true
}

// rank answers the rank and product of merging a with b, noRank if they do not merge.
func (m *mergeTable) rank(a, b int32) (rank, id int32) {
	s := m.find(a, b)
	if s.pair == 0 {
		return noRank, 0
	}
	return s.rank, s.id
}
