package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

func newReport(o Options) *Report {
	r := &Report{
		Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Texts: o.Texts.about, Rounds: []Round{}, Summary: []Summary{},
		Settings: SettingsReport{
			URL: o.URL, API: o.API, Model: o.Model, Extra: o.Extra, Clients: o.Clients, Rounds: o.Rounds, Seconds: seconds(o.Duration), Requests: o.Requests,
			First: o.First, Warmup: seconds(o.Warmup), Rate: o.Rate, Timeout: seconds(o.Timeout),
		},
	}
	if o.Self != nil {
		r.Settings.Server, r.Settings.GGUF = o.Self.Set, o.Self.GGUF
	}
	if o.API == Completions || o.API == Chat || o.API == Ollama {
		r.Settings.MaxTokens = o.MaxTok
	}
	if o.API == Completions || o.API == Ollama {
		sum := sha256.Sum256([]byte(o.Prompt.Prefix + "\x00" + o.Prompt.Suffix))
		r.Settings.Template, r.Settings.LeadIn = hex.EncodeToString(sum[:]), o.Prompt.LeadIn
	}
	return r
}

// add works out a round's figures from its samples.
func (r *Round) add(s spent, samples bool) {
	r.Verdicts, r.Unsent = len(r.samples), len(r.waits)
	r.Latency = spreadOf(latencies(r.samples, r.waits))
	r.Model, r.Queue, _ = serverTimes(r.samples)
	for _, v := range r.samples {
		r.Answers[v.label.String()]++
		r.PromptTokens += int(v.prompt)
		r.AnswerTokens += int(v.answer)
		if v.cached {
			r.Cached++
		}
		if samples {
			r.Samples = append(r.Samples, v.public())
		}
	}
	if r.Seconds > 0 {
		r.PerSecond = float64(r.Verdicts) / r.Seconds
		r.TokensPerSecond = float64(r.PromptTokens) / r.Seconds
		r.ClientCores = seconds(s.client) / r.Seconds
	}
	r.ClientCPU = per(milliseconds(s.client), r.Verdicts)
	r.ServerCPU = per(milliseconds(s.server), r.Verdicts)
}

func (v sample) public() Sample {
	return Sample{
		Text: v.text, At: milliseconds(v.at), Took: milliseconds(v.took), Model: float64(v.model), Queue: float64(v.queue), Prompt: int(v.prompt),
		Decoded: int(v.answer), Label: v.label.String(), Cached: v.cached,
	}
}

// latencies adds what texts had waited that were never begun: without them, a server that falls behind would look better the further it does.
func latencies(samples []sample, waits []time.Duration) []float64 {
	all := make([]float64, 0, len(samples)+len(waits))
	for _, v := range samples {
		all = append(all, milliseconds(v.took))
	}
	for _, w := range waits {
		all = append(all, milliseconds(w))
	}
	return all
}

// serverTimes answers nil where the server says nothing about its time.
func serverTimes(samples []sample) (model, queue, around *Spread) {
	var models, queues, arounds []float64
	for _, v := range samples {
		if v.timed {
			models, queues = append(models, float64(v.model)), append(queues, float64(v.queue))
			arounds = append(arounds, milliseconds(v.took)-float64(v.model)-float64(v.queue))
		}
	}
	if len(models) == 0 {
		return nil, nil, nil
	}
	m, q, a := spreadOf(models), spreadOf(queues), spreadOf(arounds)
	return &m, &q, &a
}

// close sums the rounds up. own is nil for a server that is not ours.
func (r *Report) close(own *server) {
	r.Machine.LoadAfter = loadAverage()
	if own != nil {
		r.End = own.memory()
	}
	var clients []int
	for _, round := range r.Rounds {
		if !slices.Contains(clients, round.Clients) {
			clients = append(clients, round.Clients)
		}
	}
	for _, n := range clients {
		r.Summary = append(r.Summary, summaryOf(n, r.Rounds))
	}
}

func summaryOf(clients int, rounds []Round) Summary {
	var (
		s             = Summary{Clients: clients, Answers: map[string]int{}, Errors: map[string]int{}}
		samples       []sample
		waits         []time.Duration
		rates, tokens []float64
		client, ours  float64
	)
	for _, r := range rounds {
		if r.Clients != clients {
			continue
		}
		samples, waits = append(samples, r.samples...), append(waits, r.waits...)
		rates, tokens = append(rates, r.PerSecond), append(tokens, r.TokensPerSecond)
		client += r.ClientCPU * float64(r.Verdicts)
		ours += r.ServerCPU * float64(r.Verdicts)
		s.Verdicts += r.Verdicts
		s.Cached += r.Cached
		s.Unfinished += r.Unfinished
		s.Unsent += r.Unsent
		for k, n := range r.Errors {
			s.Errors[k] += n
		}
		for k, n := range r.Answers {
			s.Answers[k] += n
		}
	}
	s.PerSecond, s.TokensPerSecond = rateOf(rates), rateOf(tokens)
	s.Latency = spreadOf(latencies(samples, waits))
	s.Model, s.Queue, s.Around = serverTimes(samples)
	s.ClientCPU, s.ServerCPU = per(client, s.Verdicts), per(ours, s.Verdicts)
	return s
}

// Failed names failures other than refusals for load (429, 503), which overload is expected to bring; "" where there were none.
func (r *Report) Failed() string {
	failed := map[string]int{}
	for _, s := range r.Summary {
		for kind, n := range s.Errors {
			if kind != "429" && kind != "503" {
				failed[kind] += n
			}
		}
	}
	return countsInWords(failed)
}
