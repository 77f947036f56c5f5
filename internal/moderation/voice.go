package moderation

import (
	"guardhouse/internal/prompt"
	"guardhouse/internal/tokenizer"
)

// Encode answers the prompt behind which the guard writes its verdict, with nothing forced. It is part of chat.Voice, as the two
// below.
func (l *loaded) Encode(messages []prompt.Message) (prompt.Prompt, error) {
	return l.guard.Prompt.Encode(messages)
}

// Vocabulary answers what its ids are made of.
func (l *loaded) Vocabulary() *tokenizer.Tokenizer { return l.guard.Tokenizer }

// Ends are the ids that end its answer.
func (l *loaded) Ends() []int32 { return l.guard.Stop }
