package chat

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"guardhouse/internal/inference"
	"guardhouse/internal/tokenizer"
)

// speech makes text of ids as they come. It holds back what may turn out to be no text: bytes of a character that is not whole, and
// what may be the beginning of a stop string.
type speech struct {
	tok    *tokenizer.Tokenizer
	stops  []string
	tokens bool // they are wanted

	held     []byte // behind what was handed out
	at       int    // bytes handed out so far
	waiting  []placed
	finished bool // a stop string stood there
}

// placed is a token and where its bytes begin.
type placed struct {
	Token
	from int
}

// add takes an id and answers what can be told now.
func (s *speech) add(t inference.Token) Piece {
	piece := s.bytes(t.ID)
	if s.tokens {
		s.waiting = append(s.waiting, placed{s.token(t, piece), s.at + len(s.held)})
	}
	s.held = append(s.held, piece...)
	if i := s.stop(); i >= 0 {
		s.held, s.finished = s.held[:i], true
		return s.tell(i)
	}
	return s.tell(len(s.held) - s.doubtful())
}

// end answers what was held back, where nothing more comes.
func (s *speech) end() Piece {
	if s.finished {
		return Piece{}
	}
	return s.tell(len(s.held))
}

// bytes answers those of an id. A control token is a mark and no text, and one that the vocabulary does not have is nothing.
func (s *speech) bytes(id int32) []byte {
	if s.tok.Control(id) {
		return nil
	}
	piece, _ := s.tok.Piece(id)
	return piece
}

func (s *speech) token(t inference.Token, piece []byte) Token {
	out := Token{Bytes: piece, Logprob: t.Logprob}
	for _, l := range t.Top {
		likely, _ := s.tok.Piece(l.ID)
		out.Top = append(out.Top, Token{Bytes: likely, Logprob: l.Logprob})
	}
	return out
}

// stop answers where the first stop string begins in what is held, -1 where none stands.
func (s *speech) stop() int {
	first := -1
	for _, stop := range s.stops {
		if i := bytes.Index(s.held, []byte(stop)); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return first
}

// doubtful answers how many bytes at the end may not be told yet.
func (s *speech) doubtful() int {
	n := partial(s.held)
	for _, stop := range s.stops {
		for k := min(len(stop)-1, len(s.held)); k > n; k-- {
			if bytes.HasSuffix(s.held, []byte(stop[:k])) {
				n = k
			}
		}
	}
	return n
}

// partial answers how many bytes at the end of b begin a character and do not end it.
func partial(b []byte) int {
	for k := 1; k <= min(utf8.UTFMax-1, len(b)); k++ {
		if last := b[len(b)-k:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return k
		}
	}
	return 0
}

// tell hands out the first n held bytes and the tokens that begin in them, all of them where the text ends there.
func (s *speech) tell(n int) Piece {
	out := Piece{Text: strings.ToValidUTF8(string(s.held[:n]), "\uFFFD")}
	s.at += n
	s.held = append(s.held[:0], s.held[n:]...)
	for len(s.waiting) > 0 && (s.waiting[0].from < s.at || s.waiting[0].from == s.at && len(s.waiting[0].Bytes) == 0) {
		out.Tokens, s.waiting = append(out.Tokens, s.waiting[0].Token), s.waiting[1:]
	}
	return out
}
