package bench

import (
	"encoding/json"
	"strings"
)

// label is what an answer says about the text.
type label uint8

const (
	unreadable label = iota // words in another form: the server answered, the model did not judge
	safe
	controversial
	unsafe
	labels // how many there are
)

func (l label) String() string {
	return [labels]string{"unreadable", "Safe", "Controversial", "Unsafe"}[l]
}

func labelOf(word string) label {
	for l := safe; l < labels; l++ {
		if word == l.String() {
			return l
		}
	}
	return unreadable
}

// labelIn reads what a guard wrote: the word after "Safety:", which a lead-in has already said.
func labelIn(text string) label {
	if _, after, ok := strings.Cut(text, "Safety:"); ok {
		text = after
	}
	word, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return labelOf(strings.TrimSpace(word))
}

// refusal reads {"error": "words"} and {"error": {"message": "words"}}.
type refusal string

// UnmarshalJSON never refuses: a form that it does not know has no words.
func (r *refusal) UnmarshalJSON(data []byte) error {
	var (
		words  string
		object struct{ Message string }
	)
	if json.Unmarshal(data, &words) == nil {
		*r = refusal(words)
	} else if json.Unmarshal(data, &object) == nil {
		*r = refusal(object.Message)
	}
	return nil
}

type verdict struct {
	Severity string `json:"severity"`
	Cached   bool   `json:"cached"`
	Timings  struct {
		QueueMS float64 `json:"queue_ms"`
		ModelMS float64 `json:"model_ms"`
		Tokens  int     `json:"prompt_tokens"`
	} `json:"timings"`
}

func (v verdict) into(a *answer) error {
	a.label, a.cached, a.timed = labelOf(v.Severity), v.Cached, true
	a.modelMS, a.queueMS, a.prompt = v.Timings.ModelMS, v.Timings.QueueMS, v.Timings.Tokens
	if a.label == unreadable {
		return &unusableError{"there is no verdict in it"}
	}
	return nil
}

func readModeration(data []byte, a *answer) error {
	var v verdict
	if err := decodeLoosely(data, &v); err != nil {
		return err
	}
	return v.into(a)
}

// readOpenAIModeration reads ours, with its own verdict inside, and anybody else's, of whom only flagged is known.
func readOpenAIModeration(data []byte, a *answer) error {
	var body struct {
		Results []struct {
			Flagged *bool    `json:"flagged"`
			Own     *verdict `json:"x_guardhouse"`
		} `json:"results"`
	}
	if err := decodeLoosely(data, &body); err != nil {
		return err
	}
	if len(body.Results) != 1 || body.Results[0].Flagged == nil {
		return &unusableError{"there is not one result in it"}
	}
	if own := body.Results[0].Own; own != nil {
		return own.into(a)
	}
	a.label = safe
	if *body.Results[0].Flagged {
		a.label = unsafe
	}
	return nil
}

// readCompletion reads completions and chats, and llama-server's own timings where they are.
func readCompletion(data []byte, a *answer) error {
	var body struct {
		Choices []struct {
			Text    *string `json:"text"`
			Message *struct {
				Content *string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
		Usage struct {
			Prompt int `json:"prompt_tokens"`
			Answer int `json:"completion_tokens"`
		} `json:"usage"`
		Timings *struct {
			Prompt    float64 `json:"prompt_ms"`
			Predicted float64 `json:"predicted_ms"`
		} `json:"timings"`
	}
	if err := decodeLoosely(data, &body); err != nil {
		return err
	}
	if len(body.Choices) != 1 {
		return &unusableError{"there is not one choice in it"}
	}
	words := body.Choices[0].Text
	if m := body.Choices[0].Message; m != nil {
		words = m.Content
	}
	if words == nil {
		return &unusableError{"its choice has no text"}
	}
	a.label, a.prompt, a.answer = labelIn(*words), body.Usage.Prompt, body.Usage.Answer
	if t := body.Timings; t != nil {
		a.timed, a.modelMS = true, t.Prompt+t.Predicted
	}
	return nil
}

// readOllama reads one whole answer of /api/generate. Its durations are nanoseconds; what is neither loading nor model was waiting.
func readOllama(data []byte, a *answer) error {
	var body struct {
		Response *string `json:"response"`
		Done     bool    `json:"done"`
		Total    int64   `json:"total_duration"`
		Load     int64   `json:"load_duration"`
		Prompt   int64   `json:"prompt_eval_duration"`
		Eval     int64   `json:"eval_duration"`
		Tokens   int     `json:"prompt_eval_count"`
		Decoded  int     `json:"eval_count"`
	}
	if err := decodeLoosely(data, &body); err != nil {
		return err
	}
	if body.Response == nil || !body.Done {
		return &unusableError{"there is no whole response in it"}
	}
	const perMS = 1e6
	a.label, a.prompt, a.answer = labelIn(*body.Response), body.Tokens, body.Decoded
	a.timed, a.modelMS = true, float64(body.Prompt+body.Eval)/perMS
	a.queueMS = max(0, float64(body.Total-body.Load)/perMS-a.modelMS)
	return nil
}
