package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// OpenaiInfer uses the model of the address for what the body asks: an input is judged, messages are answered.
func (s *Server) OpenaiInfer(ctx context.Context, r gen.OpenaiInferRequestObject) (gen.OpenaiInferResponseObject, error) {
	talk, err := r.Body.AsOpenAIChatRequest()
	if err == nil && talk.Messages != nil {
		if err := sameModel(talk.Model, r.Model); err != nil {
			return nil, s.refused(ctx, err)
		}
		talk.Model = &r.Model
		return s.write(ctx, &talk)
	}
	text, err := r.Body.AsOpenAIModerationRequest()
	if err == nil {
		err = sameModel(text.Model, r.Model)
	}
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	text.Model = &r.Model
	out, err := s.judgeAll(ctx, &text)
	return judgedAll(out), err
}

// meant answers the action that a broken request was about. Where an operation is two, its body says which; where that says nothing,
// what the model of the address is for. Only the row tells of it: what kind a model is of not everybody may know.
func (s *Server) meant(c *gin.Context, op *operation) access.Action {
	if op.or == "" {
		return access.Action(op.action)
	}
	var body struct{ Input, Messages json.RawMessage }
	_ = json.Unmarshal(exchangeOf(c).raw, &body) // what can't be read says nothing
	switch {
	case body.Messages != nil && body.Input == nil:
		return op.or
	case body.Messages == nil && body.Input != nil:
		return access.Action(op.action)
	}
	m, err := s.deps.Catalog.Resolve(requestContext(c), c.Param("model"))
	if err != nil {
		return access.Action(op.action)
	}
	return catalog.Runs(m.Kind)
}

// sameModel refuses a body that names another model than the address: nobody should have to know which one counts.
func sameModel(named *string, model string) error {
	if named == nil || *named == model {
		return nil
	}
	return fault.New(fault.Invalid, "The body names another model than the address.").WithField("model")
}

// judgedAll is what was judged, as each operation that judges in the OpenAI shape answers it.
type judgedAll gen.OpenAIModeration

// VisitOpenaiInferResponse writes it.
func (a judgedAll) VisitOpenaiInferResponse(w http.ResponseWriter) error {
	return gen.OpenaiCreateModeration200JSONResponse(a).VisitOpenaiCreateModerationResponse(w)
}
