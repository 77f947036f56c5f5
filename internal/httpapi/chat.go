package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/chat"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// OpenaiCreateChatCompletion has a model write an answer.
func (s *Server) OpenaiCreateChatCompletion(ctx context.Context, r gen.OpenaiCreateChatCompletionRequestObject) (gen.OpenaiCreateChatCompletionResponseObject, error) {
	return s.write(ctx, r.Body)
}

// written is the answer of each operation that writes.
type written interface {
	gen.OpenaiCreateChatCompletionResponseObject
	gen.OpenaiInferResponseObject
}

// write answers the whole text, or the stream of it.
func (s *Server) write(ctx context.Context, body *gen.OpenAIChatRequest) (written, error) {
	c, ok := ctx.(*gin.Context)
	if !ok || s.deps.Chat == nil {
		return nil, fault.New(fault.NotAvailable, "This server writes nothing.")
	}
	r, err := chatRequest(body)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	r.Within = exchangeOf(ctx).patience
	if value(body.Stream) {
		return chatStream{s, c, r, body.StreamOptions != nil && value(body.StreamOptions.IncludeUsage)}, nil
	}
	a, err := s.deps.Chat.Complete(requestContext(ctx), exchangeOf(ctx).principal, r)
	if err != nil {
		return nil, err
	}
	return wholeChat(completionDTO(a)), nil
}

// wholeChat is an answer that was whole before anything of it was sent.
type wholeChat gen.OpenAIChatCompletion

// VisitOpenaiCreateChatCompletionResponse writes it.
func (a wholeChat) VisitOpenaiCreateChatCompletionResponse(w http.ResponseWriter) error {
	return gen.OpenaiCreateChatCompletion200JSONResponse(a).VisitOpenaiCreateChatCompletionResponse(w)
}

// VisitOpenaiInferResponse writes it.
func (a wholeChat) VisitOpenaiInferResponse(w http.ResponseWriter) error {
	return a.VisitOpenaiCreateChatCompletionResponse(w)
}

func completionDTO(a chat.Answer) gen.OpenAIChatCompletion {
	return gen.OpenAIChatCompletion{
		ID: a.ID, Object: gen.ChatCompletion, Created: a.At.Unix(), Model: a.Model.ID, SystemFingerprint: fingerprint(a.Opening),
		Choices: []gen.OpenAIChatChoice{{
			Message:  gen.OpenAIChatAnswer{Role: gen.OpenAIChatAnswerRoleAssistant, Content: a.Text},
			Logprobs: logprobsDTO(a.Tokens), FinishReason: gen.OpenAIFinishReason(a.Finish),
		}},
		Usage: tokensDTO(a.Usage), XGuardhouse: provenanceDTO(a.Opening, &a.Timings),
	}
}

func tokensDTO(u chat.Usage) gen.OpenAIUsage {
	out := gen.OpenAIUsage{PromptTokens: u.Prompt, CompletionTokens: u.Completion, TotalTokens: u.Prompt + u.Completion}
	out.PromptTokensDetails.CachedTokens = u.Cached
	return out
}

func provenanceDTO(o chat.Opening, t *chat.Timings) gen.ChatProvenance {
	out := gen.ChatProvenance{
		RequestID: o.RequestID, PolicyVersion: o.PolicyVersion, AuditID: o.AuditID, AuditHash: o.AuditHash,
		Model: gen.VerdictModel{ID: o.Model.ID, Sha256: o.Model.SHA256, Quantization: o.Model.Quantization, TemplateSha256: o.Model.TemplateSHA256},
		Runtime: gen.VerdictRuntime{
			Build: o.Runtime.Build, Engine: o.Runtime.Engine, Device: o.Runtime.Device, Kernels: o.Runtime.Kernels, Flash: o.Runtime.Flash, KvCache: o.Runtime.KVCache,
		},
	}
	if t != nil {
		out.Timings = &gen.ChatTimings{QueueMs: t.QueueMS, ModelMs: t.ModelMS, TotalMs: t.TotalMS, QueuePosition: orNone(t.QueuePosition)}
	}
	return out
}

// fingerprint is the same for the same bytes, template and runtime.
func fingerprint(o chat.Opening) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%+v", o.Model.SHA256, o.Model.TemplateSHA256, o.Runtime))
	return "fp_" + hex.EncodeToString(sum[:6])
}

// logprobsDTO answers null where nobody asked for tokens: there is at least one in every text that has any.
func logprobsDTO(tokens []chat.Token) *gen.OpenAIChatLogprobs {
	if len(tokens) == 0 {
		return nil
	}
	return &gen.OpenAIChatLogprobs{Content: each(tokens, func(t chat.Token) gen.OpenAITokenLogprob {
		return gen.OpenAITokenLogprob{
			Token: tokenText(t.Bytes), Logprob: t.Logprob, Bytes: byteNumbers(t.Bytes),
			TopLogprobs: each(t.Top, func(l chat.Token) gen.OpenAITopLogprob {
				return gen.OpenAITopLogprob{Token: tokenText(l.Bytes), Logprob: l.Logprob, Bytes: byteNumbers(l.Bytes)}
			}),
		}
	})}
}

// tokenText is a token as text, which it need not be: bytes tells what it is.
func tokenText(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

func byteNumbers(b []byte) []int { return each(b, func(x byte) int { return int(x) }) }
