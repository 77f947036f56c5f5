package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

func TestRoundsAreInterleavedOverDistinctTexts(t *testing.T) {
	f := newFake(t, true)
	o := f.options(t)
	o.Clients, o.Rounds, o.Requests, o.Samples, o.Key = []int{1, 3}, 2, 20, true, "gh_secret"
	var order []int
	o.Progress = func(r Round) { order = append(order, r.Clients) }
	r := run(t, o)

	require.Equal(t, []int{1, 3, 1, 3}, order)
	seen := map[string]bool{}
	for _, text := range f.texts {
		require.False(t, seen[text], "sent twice: %s", text)
		seen[text] = true
	}
	require.Len(t, f.texts, 1+4*20, "a probe and the rounds")
	require.Len(t, r.Rounds, 4)
	for i, round := range r.Rounds {
		require.Equal(t, 20, round.Verdicts)
		require.EqualValues(t, i*20, round.First, "each round has texts of its own")
		require.Len(t, round.Samples, 20)
		require.InDelta(t, float64(round.Verdicts)/round.Seconds, round.PerSecond, 1e-9)
		require.Equal(t, 20*57, round.PromptTokens)
		require.Equal(t, map[string]int{"Safe": 20}, round.Answers)
		require.InDelta(t, 2, round.Model.P50, 1e-6)
		require.InDelta(t, 0.5, round.Queue.P99, 1e-6)
		require.Positive(t, round.ClientCPU)
	}
	require.EqualValues(t, 1+2*(1+3), f.connections.Load(), "a connection for each client of a round and one for the probe")

	var table bytes.Buffer
	require.NoError(t, r.WriteTable(&table))
	require.Contains(t, table.String(), "| 3 | ")
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(data)+table.String(), "gh_secret")
}

func TestWarmUpSendsTextsOfItsOwn(t *testing.T) {
	f := newFake(t, false)
	o := f.options(t)
	o.Warmup = 20 * time.Millisecond
	r := run(t, o)
	require.Greater(t, len(f.texts), 6)
	require.Equal(t, 5, r.Summary[0].Verdicts, "the warm-up is not measured")
	require.Equal(t, Generated(1).at(0), f.texts[len(f.texts)-5])
}

func TestRepeatedTextsAreAllSentBefore(t *testing.T) {
	f := newFake(t, false)
	o := f.options(t)
	o.Texts = o.Texts.Repeated(4)
	run(t, o)
	require.ElementsMatch(t, []string{o.Texts.at(0), o.Texts.at(1), o.Texts.at(2), o.Texts.at(3)}, f.texts[1:5])
}

// A Ctrl-C in the middle of a round leaves what was measured.
func TestAnInterruptionKeepsWhatWasMeasured(t *testing.T) {
	f := newFake(t, false)
	o := f.options(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	held := make(chan struct{})
	defer close(held)
	f.answer = func(w http.ResponseWriter, _ *http.Request, _ string) {
		if f.requests.Load() <= 8 {
			writeString(w, oneVerdict)
			return
		}
		cancel()
		<-held // never answers: only the interruption ends the wait
	}
	o.Rounds = 9
	r, err := Run(ctx, o)
	require.ErrorContains(t, err, "interrupted")
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.True(t, r.Interrupted)
	require.Equal(t, 7, r.Summary[0].Verdicts, "eight answers, one of them the probe's")
	require.Empty(t, r.Summary[0].Errors, "the interruption is no failure of the server")
}

func TestWhatIsWrongIsSaidBeforeAnythingIsMeasured(t *testing.T) {
	f, secured := newFake(t, false), newFake(t, true)
	silent := plain(t, func(c net.Conn) { _, _ = bufio.NewReader(c).ReadString('\n') })
	status := func(code int, body string) func(http.ResponseWriter, *http.Request, string) {
		return func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(code)
			writeString(w, body)
		}
	}
	for name, c := range map[string]struct {
		change func(o *Options)
		answer func(http.ResponseWriter, *http.Request, string)
		want   string
	}{
		"nobody listens":     {change: func(o *Options) { o.URL = "http://127.0.0.1:1" }, want: "connection refused"},
		"no such host":       {change: func(o *Options) { o.URL = "http://host.invalid" }, want: "no such host"},
		"unknown authority":  {change: func(o *Options) { o.URL, o.Roots = secured.URL, nil }, want: "give --ca FILE"},
		"TLS to a plain one": {change: func(o *Options) { o.URL = strings.Replace(f.URL, "http", "https", 1) }, want: "does not speak TLS"},
		"plain to a TLS one": {change: func(o *Options) { o.URL = strings.Replace(secured.URL, "https", "http", 1) }, want: "HTTPS server"},
		"never an answer":    {change: func(o *Options) { o.URL, o.Timeout = silent, 30*time.Millisecond }, want: "no answer within 30ms"},
		"wrong key":          {answer: status(401, `{"detail":"The key is unknown."}`), want: "does not take the key (401): The key is unknown."},
		"no right":           {answer: status(403, `{"error":{"message":"No."}}`), want: "(403): No."},
		"no route":           {answer: status(404, "404 page not found"), want: "--api and --model right?: 404 page not found"},
		"ollama's words":     {answer: status(400, `{"error":"model is required"}`), want: "answered 400: model is required"},
		"a page":             {answer: status(200, "<html>"), want: "not as --api says"},
		"another API":        {answer: status(200, `{"choices":[]}`), want: "there is no verdict in it"},
		"busy for long":      {answer: status(503, `{"detail":"busy"}`), want: "answered 503: busy"},
	} {
		t.Run(name, func(t *testing.T) {
			f.answer = c.answer
			o := f.options(t)
			if c.change != nil {
				c.change(&o)
			}
			r, err := Run(t.Context(), o)
			require.ErrorContains(t, err, c.want)
			require.Nil(t, r)
		})
	}
}

func TestWrongOptions(t *testing.T) {
	f := newFake(t, false)
	for name, change := range map[string]func(o *Options){
		"no clients":        func(o *Options) { o.Clients = nil },
		"no such number":    func(o *Options) { o.Clients = []int{4, 0} },
		"too many":          func(o *Options) { o.Clients = []int{mostClients + 1} },
		"no rounds":         func(o *Options) { o.Rounds = 0 },
		"no duration":       func(o *Options) { o.Duration = 0 },
		"no timeout":        func(o *Options) { o.Timeout = 0 },
		"negative texts":    func(o *Options) { o.Requests = -1 },
		"negative warm-up":  func(o *Options) { o.Warmup = -1 },
		"negative rate":     func(o *Options) { o.Rate = -1 },
		"rate past texts":   func(o *Options) { o.Rate, o.Duration = 1000, 10*time.Hour },
		"no API":            func(o *Options) { o.API = "grpc" },
		"no model":          func(o *Options) { o.API = Ollama },
		"no tokens":         func(o *Options) { o.MaxTok = 0 },
		"extra is no JSON":  func(o *Options) { o.Extra = "top_k=1" },
		"extra is a list":   func(o *Options) { o.Extra = "[1]" },
		"no address":        func(o *Options) { o.URL = "localhost:8443" },
		"another scheme":    func(o *Options) { o.URL = "ftp://localhost" },
		"a password":        func(o *Options) { o.URL = "http://a:b@localhost" },
		"key in the clear":  func(o *Options) { o.URL, o.Key = "http://192.0.2.1", "gh_x" },
		"two servers":       func(o *Options) { o.Self = &Self{Starts: 1} },
		"key is two lines":  func(o *Options) { o.Key = "gh_x\r\nX-Other: 1" },
		"own one, no chat":  func(o *Options) { o.URL, o.Self, o.API = "", &Self{Starts: 1}, Chat },
		"own one, no start": func(o *Options) { o.URL, o.Self = "", &Self{} },
		"no setting":        func(o *Options) { o.URL, o.Self = "", &Self{Starts: 1, Set: []string{"listen=:1"}} },
		"nothing to send":   func(o *Options) { o.Texts = Texts{} },
	} {
		t.Run(name, func(t *testing.T) {
			o := f.options(t)
			change(&o)
			r, err := Run(t.Context(), o)
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
			require.Nil(t, r)
		})
	}
	require.Zero(t, f.requests.Load(), "nothing was sent")
}
