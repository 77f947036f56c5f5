package httpapi

import (
	"context"

	"guardhouse/internal/alert"
	"guardhouse/internal/forward"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// ListForwardTargets answers where the log is sent to, and the alerts of late.
func (s *Server) ListForwardTargets(ctx context.Context, _ gen.ListForwardTargetsRequestObject) (gen.ListForwardTargetsResponseObject, error) {
	list, err := s.deps.Forward.List(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	alerts, err := s.deps.Alerts.Recent(requestContext(ctx))
	if err != nil {
		return nil, err
	}
	return gen.ListForwardTargets200JSONResponse{
		Items: each(list, forwardDTO), Hosts: orEmpty(s.deps.Forward.Hosts()), Alerts: each(alerts, alertDTO),
	}, nil
}

// CreateForwardTarget adds one, and answers a webhook's secret this once.
func (s *Server) CreateForwardTarget(ctx context.Context, r gen.CreateForwardTargetRequestObject) (gen.CreateForwardTargetResponseObject, error) {
	b := r.Body
	t, secret, err := s.deps.Forward.Create(requestContext(ctx), exchangeOf(ctx).principal, forward.Wanted{
		Kind: string(b.Kind), Name: b.Name, From: string(value(b.From)), Key: value(b.Key),
		Settings: forward.Settings{
			Scope: string(value(b.Scope)), Transport: string(value(b.Transport)), Address: value(b.Address), ServerName: value(b.ServerName),
			CA: value(b.Ca), Certificate: value(b.Certificate), Facility: value(b.Facility), MaxBytes: value(b.MaxBytes), URL: value(b.URL),
		},
	})
	if err != nil {
		return nil, err
	}
	return gen.CreateForwardTarget201JSONResponse{
		Body:    gen.MadeForwardTarget{Target: forwardDTO(t), Secret: orNil(secret)},
		Headers: gen.CreateForwardTarget201ResponseHeaders{Location: "/api/v1/audit/forwarding/" + t.ID},
	}, nil
}

// ChangeForwardTarget changes, pauses or resumes one.
func (s *Server) ChangeForwardTarget(ctx context.Context, r gen.ChangeForwardTargetRequestObject) (gen.ChangeForwardTargetResponseObject, error) {
	b := r.Body
	t, err := s.deps.Forward.Change(requestContext(ctx), exchangeOf(ctx).principal, r.ID, forward.Change{
		Name: b.Name, Address: b.Address, URL: b.URL, ServerName: b.ServerName, CA: b.Ca, Certificate: b.Certificate, Key: b.Key, Paused: b.Paused,
	})
	if err != nil {
		return nil, err
	}
	return gen.ChangeForwardTarget200JSONResponse(forwardDTO(t)), nil
}

// RemoveForwardTarget ends one.
func (s *Server) RemoveForwardTarget(ctx context.Context, r gen.RemoveForwardTargetRequestObject) (gen.RemoveForwardTargetResponseObject, error) {
	if err := s.deps.Forward.Remove(requestContext(ctx), exchangeOf(ctx).principal, r.ID); err != nil {
		return nil, err
	}
	return gen.RemoveForwardTarget204Response{}, nil
}

// TestForwardTarget sends one message and answers how it went.
func (s *Server) TestForwardTarget(ctx context.Context, r gen.TestForwardTargetRequestObject) (gen.TestForwardTargetResponseObject, error) {
	code, err := s.deps.Forward.Test(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.TestForwardTarget200JSONResponse{Taken: code == "", Error: orNil(code)}, nil
}

// RotateForwardSecret gives a webhook a new secret and answers it, this once.
func (s *Server) RotateForwardSecret(ctx context.Context, r gen.RotateForwardSecretRequestObject) (gen.RotateForwardSecretResponseObject, error) {
	t, secret, err := s.deps.Forward.Rotate(requestContext(ctx), exchangeOf(ctx).principal, r.ID)
	if err != nil {
		return nil, err
	}
	return gen.RotateForwardSecret200JSONResponse{Target: forwardDTO(t), Secret: orNil(secret)}, nil
}

func forwardDTO(t forward.Target) gen.ForwardTarget {
	d := gen.ForwardTarget{
		ID: t.ID, Kind: gen.ForwardKind(t.Kind), Name: t.Name, Scope: gen.ForwardScope(t.Scope), Transport: t.Transport, Address: t.Address,
		ServerName: t.ServerName, Facility: t.Facility, MaxBytes: t.MaxBytes, URL: t.URL, State: gen.ForwardState(t.State), Seq: t.Position.Seq,
		Checkpoint: t.Position.Checkpoint, Backlog: t.Backlog, Sent: t.Sent, Failed: t.Failed, SentAt: wire.Maybe(&t.SentAt), Error: orNil(t.Error),
		FailingSince: wire.Maybe(&t.FailingSince), PreviousSecretUntil: wire.Maybe(&t.PreviousSecretTo), CreatedAt: wire.At(t.CreatedAt), CreatedBy: t.CreatedBy,
	}
	d.TLS.OwnCa, d.TLS.ClientCertificate = t.CA != "", t.HasClientKey
	return d
}

func alertDTO(a alert.Alert) gen.AlertTold {
	params := map[string]any{}
	for name, value := range a.Details {
		switch value.(type) {
		case string, float64:
			params[name] = value
		}
	}
	return gen.AlertTold{
		Kind: a.Kind, Subject: a.Subject, Params: params, EventID: a.EventID, RaisedAt: wire.At(a.RaisedAt), ClearedAt: wire.Maybe(&a.ClearedAt),
	}
}
