package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/chat"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// aliveEvery is after how much silence a stream says that it goes on: proxies leave a connection on which nothing comes.
const aliveEvery = 15 * time.Second

// chatStream is the answer that is told while it is written.
type chatStream struct {
	s     *Server
	c     *gin.Context
	r     chat.Request
	usage bool
}

// VisitOpenaiCreateChatCompletionResponse writes the stream. What goes wrong before its first byte is an ordinary error.
func (v chatStream) VisitOpenaiCreateChatCompletionResponse(w http.ResponseWriter) error {
	ctx, end := v.s.untilLeft(v.c)
	defer end()
	e := &chatEvents{chatStream: v, sink: &sink{w, http.NewResponseController(unwrapped(w))}, header: w.Header, status: w.WriteHeader}
	defer e.alive.stop()
	err := v.s.deps.Chat.Stream(ctx, exchangeOf(v.c).principal, v.r, e)
	e.alive.stop()
	if err != nil && e.opening != nil {
		v.s.logFault(v.c, fault.From(err), v.s.statuses[fault.CodeOf(err)])
		v.s.deps.Metrics.Refused(string(fault.CodeOf(err)))
		return nil
	}
	return err
}

// VisitOpenaiInferResponse writes the stream.
func (v chatStream) VisitOpenaiInferResponse(w http.ResponseWriter) error {
	return v.VisitOpenaiCreateChatCompletionResponse(w)
}

// untilLeft answers the context of an answer that takes as long as it takes: neither the time limit of requests nor a deadline of
// the connection applies to it any more. It is done when the caller leaves. A server that stops finishes it, as all that it accepted.
func (s *Server) untilLeft(c *gin.Context) (ctx context.Context, end func()) {
	x := exchangeOf(c)
	ctx, cancel := context.WithCancel(x.hearLimits(x.sent.Context()))
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{})  // a writer without deadlines (a test's) has none to lift
	_ = control.SetWriteDeadline(time.Time{}) // the same
	return ctx, cancel
}

// chatEvents is a response as a chat.Listener.
type chatEvents struct {
	chatStream
	sink   *sink
	header func() http.Header
	status func(int)

	opening *chat.Opening // nil until something was sent
	alive   heartbeat
}

// Begin is part of chat.Listener.
func (e *chatEvents) Begin(o chat.Opening) error {
	e.opening = &o
	x := exchangeOf(e.c)
	x.opened = e.s.now()
	e.s.forget(x) // nobody else is to wait for the room of it until the last word
	h := e.header()
	for name, value := range x.limits {
		h.Set(name, value)
	}
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers what it passes on would hold words back
	e.status(http.StatusOK)
	e.alive.start(e.sink)
	first := e.chunk()
	first.Choices = []gen.OpenAIChunkChoice{{}}
	first.Choices[0].Delta.Role, first.Choices[0].Delta.Content = new(gen.OpenAIChunkChoiceDeltaRoleAssistant), new("")
	first.XGuardhouse = new(provenanceDTO(o, nil))
	return e.send(first)
}

// Piece is part of chat.Listener.
func (e *chatEvents) Piece(p chat.Piece) error {
	chunk := e.chunk()
	chunk.Choices = []gen.OpenAIChunkChoice{{Logprobs: logprobsDTO(p.Tokens)}}
	chunk.Choices[0].Delta.Content = &p.Text
	return e.send(chunk)
}

// End is part of chat.Listener.
func (e *chatEvents) End(a chat.Answer) error {
	last := e.chunk()
	last.Choices = []gen.OpenAIChunkChoice{{FinishReason: new(gen.OpenAIChunkChoiceFinishReason(a.Finish))}}
	last.XGuardhouse = new(provenanceDTO(a.Opening, &a.Timings))
	if err := e.send(last); err != nil {
		return err
	}
	if e.usage {
		used := e.chunk()
		used.Choices, used.Usage = []gen.OpenAIChunkChoice{}, new(tokensDTO(a.Usage))
		if err := e.send(used); err != nil {
			return err
		}
	}
	return e.alive.say([]byte("data: [DONE]\n\n"))
}

// cutWithin is how long a reader has for what is on its way to him when his stream is cut.
const cutWithin = 5 * time.Second

// Cut is part of chat.Listener.
func (e *chatEvents) Cut() {
	_ = e.sink.control.SetWriteDeadline(time.Now().Add(cutWithin)) //nolint:forbidigo // the socket's clock; a test's writer has none
}

// Broken is part of chat.Listener. Who is gone does not hear it.
func (e *chatEvents) Broken(why error) {
	f := fault.From(why)
	status, known := e.s.statuses[f.Code]
	if !known {
		f, status = fault.Wrap(why, fault.Internal, "something went wrong on our side"), http.StatusInternalServerError
	}
	if f.Code == fault.Canceled {
		return
	}
	_ = e.send(openAIError(f, status, requestID(e.c)))
}

func (e *chatEvents) chunk() gen.OpenAIChatChunk {
	o := e.opening
	return gen.OpenAIChatChunk{ID: o.ID, Object: gen.ChatCompletionChunk, Created: o.At.Unix(), Model: o.Model.ID, SystemFingerprint: fingerprint(*o)}
}

// send writes one event.
func (e *chatEvents) send(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "an event cannot be encoded")
	}
	return e.alive.say(append(append([]byte("data: "), data...), "\n\n"...))
}

// heartbeat writes to a sink, and a comment where nothing was written for long. Its zero value is ready to be started.
type heartbeat struct {
	mu    sync.Mutex
	out   *sink
	still *time.Timer
}

func (h *heartbeat) start(out *sink) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out = out
	h.still = time.AfterFunc(aliveEvery, func() {
		_ = h.say([]byte(": keep-alive\n\n")) // who is gone is noticed by the next word
	})
}

// say writes b, unless the stream is over.
func (h *heartbeat) say(b []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.out == nil {
		return nil
	}
	_, err := h.out.Write(b)
	h.still.Reset(aliveEvery)
	return err
}

// stop ends it; nothing is written after.
func (h *heartbeat) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.still != nil {
		h.still.Stop()
	}
	h.out = nil
}
