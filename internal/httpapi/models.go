package httpapi

import (
	"context"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
)

// ownedBy is what the OpenAI shape has for "whose model is it".
const ownedBy = "guardhouse"

// ListModels answers the models that the caller may see.
func (s *Server) ListModels(ctx context.Context, _ gen.ListModelsRequestObject) (gen.ListModelsResponseObject, error) {
	p := exchangeOf(ctx).principal
	list, err := s.deps.Catalog.List(requestContext(ctx), p)
	if err != nil {
		return nil, err
	}
	return gen.ListModels200JSONResponse{
		Items: each(list, func(m catalog.Model) gen.Model { return s.modelFor(p, m) }), Room: s.roomFor(p),
	}, nil
}

// GetModel answers one model; one that the caller may not see is as unknown as any other.
func (s *Server) GetModel(ctx context.Context, r gen.GetModelRequestObject) (gen.GetModelResponseObject, error) {
	p := exchangeOf(ctx).principal
	m, err := s.deps.Catalog.Get(requestContext(ctx), p, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetModel200JSONResponse(s.modelFor(p, m)), nil
}

// OpenaiListModels is ListModels in the OpenAI shape.
func (s *Server) OpenaiListModels(ctx context.Context, _ gen.OpenaiListModelsRequestObject) (gen.OpenaiListModelsResponseObject, error) {
	list, err := s.deps.Catalog.List(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	return gen.OpenaiListModels200JSONResponse{Object: gen.List, Data: each(list, openAIModel)}, nil
}

// OpenaiGetModel answers the model that a name means where it is used, an alias too, in the OpenAI shape; one that the caller may not
// see is as unknown as any other.
func (s *Server) OpenaiGetModel(ctx context.Context, r gen.OpenaiGetModelRequestObject) (gen.OpenaiGetModelResponseObject, error) {
	id := r.Model
	switch m, err := s.deps.Catalog.Resolve(requestContext(ctx), id); fault.CodeOf(err) {
	case "":
		id = m.ID
	case fault.NotFound: // Get says so, after as much work as for one that is hidden
	default:
		return nil, err
	}
	m, err := s.deps.Catalog.Get(requestContext(ctx), exchangeOf(ctx).principal, id)
	if err != nil {
		return nil, err
	}
	return gen.OpenaiGetModel200JSONResponse(openAIModel(m)), nil
}

// GetModelQueue answers how long the line before a model is and where the caller stands in it.
func (s *Server) GetModelQueue(ctx context.Context, r gen.GetModelQueueRequestObject) (gen.GetModelQueueResponseObject, error) {
	l, err := s.deps.Moderation.Line(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetModelQueue200JSONResponse{
		Waiting: l.Waiting, Capacity: l.Capacity, Yours: l.Yours, Position: l.Place, ExpectedMs: millis(l.Expected), OldestWaitMs: millis(l.OldestWait),
	}, nil
}

// millis answers milliseconds to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func openAIModel(m catalog.Model) gen.OpenAIModel {
	return gen.OpenAIModel{ID: m.ID, Object: gen.OpenAIModelObjectModel, Created: m.CreatedAt.Unix(), OwnedBy: ownedBy}
}
