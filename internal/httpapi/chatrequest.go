package httpapi

import (
	"cmp"
	"strconv"
	"strings"

	"guardhouse/internal/chat"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/prompt"
)

// chatRequest reads what the schema could not check. Fields that it leaves out are those that the document says are not looked at.
func chatRequest(b *gen.OpenAIChatRequest) (chat.Request, error) {
	switch {
	case b.MaxTokens != nil && b.MaxCompletionTokens != nil && *b.MaxTokens != *b.MaxCompletionTokens:
		return chat.Request{}, fault.New(fault.Invalid, "max_tokens and max_completion_tokens are two names of one number: send one.").WithField("max_tokens")
	case value(b.Store):
		return chat.Request{}, fault.New(fault.Invalid, "Nothing of an answer is kept here: store must be false.").WithField("store")
	case b.StreamOptions != nil && !value(b.Stream):
		return chat.Request{}, fault.New(fault.Invalid, "stream_options are for streams: set stream to true.").WithField("stream_options")
	}
	messages, err := chatMessages(b.Messages)
	if err != nil {
		return chat.Request{}, err
	}
	bias, err := logitBias(value(b.LogitBias))
	if err != nil {
		return chat.Request{}, err
	}
	stops, err := stopsOf(b.Stop)
	if err != nil {
		return chat.Request{}, err
	}
	return chat.Request{
		Model: value(b.Model), Messages: messages, MaxTokens: cmp.Or(b.MaxCompletionTokens, b.MaxTokens), Temperature: b.Temperature, TopP: b.TopP,
		TopK: value(b.TopK), MinP: value(b.MinP), Presence: value(b.PresencePenalty), Frequency: value(b.FrequencyPenalty), Bias: bias,
		Seed: b.Seed, Stop: stops, Logprobs: value(b.Logprobs), Top: value(b.TopLogprobs),
	}, nil
}

func chatMessages(list []gen.OpenAIChatMessage) ([]prompt.Message, error) {
	out := make([]prompt.Message, len(list))
	for i, m := range list {
		role := string(m.Role)
		if m.Role == gen.OpenAIChatMessageRoleDeveloper {
			role = string(gen.OpenAIChatMessageRoleSystem)
		}
		content, err := m.Content.AsOpenAIChatMessageContent0()
		if err != nil {
			parts, err := m.Content.AsOpenAIChatMessageContent1()
			if err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "The field content has none of the types that are allowed here.").WithField("messages")
			}
			content = strings.Join(each(parts, func(p gen.OpenAIChatPart) string { return p.Text }), "\n")
		}
		out[i] = prompt.Message{Role: role, Content: content}
	}
	return out, nil
}

// logitBias reads ids as they are spelled in JSON's names: digits, and nothing that another reader might take for another id.
func logitBias(given map[string]any) (map[int32]float64, error) {
	if len(given) > chat.MaxBiased {
		return nil, fault.Newf(fault.Invalid, "logit_bias has more than %d entries.", chat.MaxBiased).WithField("logit_bias")
	}
	out := make(map[int32]float64, len(given))
	for name, v := range given {
		id, err := strconv.ParseInt(name, 10, 32)
		by, number := v.(float64)
		if err != nil || !number || strconv.FormatInt(id, 10) != name {
			return nil, fault.New(fault.Invalid, "logit_bias maps token ids, whole numbers in digits, to numbers from -100 to 100.").WithField("logit_bias")
		}
		out[int32(id)] = by
	}
	return out, nil
}

func stopsOf(s *gen.OpenAIChatRequest_Stop) ([]string, error) {
	if s == nil {
		return nil, nil
	}
	if one, err := s.AsOpenAIChatRequestStop0(); err == nil {
		return []string{one}, nil
	}
	list, err := s.AsOpenAIChatRequestStop1()
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The field stop has none of the types that are allowed here.").WithField("stop")
	}
	return list, nil
}
