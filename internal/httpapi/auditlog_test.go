package httpapi_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi"
	"guardhouse/internal/httpapi/gen"
)

// auditRoutes are the handlers themselves, without anything before them.
func auditRoutes(b *bench) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"list": func(ctx context.Context) error {
			_, err := b.server.ListAuditEvents(ctx, gen.ListAuditEventsRequestObject{})
			return err
		},
		"get": func(ctx context.Context) error {
			_, err := b.server.GetAuditEvent(ctx, gen.GetAuditEventRequestObject{ID: b.rows()[0].ID})
			return err
		},
		"volume": func(ctx context.Context) error {
			_, err := b.server.GetAuditVolume(ctx, gen.GetAuditVolumeRequestObject{})
			return err
		},
		"neighbours": func(ctx context.Context) error {
			_, err := b.server.GetAuditNeighbours(ctx, gen.GetAuditNeighboursRequestObject{ID: b.rows()[0].ID})
			return err
		},
		"chain": func(ctx context.Context) error {
			_, err := b.server.GetAuditChain(ctx, gen.GetAuditChainRequestObject{})
			return err
		},
		"verify": func(ctx context.Context) error {
			_, err := b.server.VerifyAudit(ctx, gen.VerifyAuditRequestObject{})
			return err
		},
	}
}

// threat Z1: the log is shut without the early check too.
func TestReadingTheLogIsDecidedBehindTheMiddleware(t *testing.T) {
	b := newBench(t)
	person := func(role string) access.Principal {
		return access.Principal{Kind: access.KindUser, UserID: "usr_1", Name: role, Role: role}
	}
	key := person("admin")
	key.Kind, key.KeyID, key.KeyOperations = access.KindKey, "key_1", []string{"view"}
	for name, route := range auditRoutes(b) {
		for who, c := range map[string]struct {
			p      access.Principal
			reason string
		}{"reviewer": {person("reviewer"), "role"}, "stranger": {access.Anonymous(access.Origin{}), "role"}, "narrow key": {key, "key_scope"}} {
			rows := b.newRows(func() {
				err := route(httpapi.BehindMiddleware(t.Context(), c.p))
				require.Equal(t, fault.Forbidden, fault.CodeOf(err), "%s by %s", name, who)
			})
			require.Len(t, rows, 1, "%s by %s", name, who)
			require.Equal(t, []string{"audit.read", "deny", c.reason}, []string{rows[0].Action, rows[0].Decision, rows[0].Reason}, "%s by %s", name, who)
		}
		rows := b.newRows(func() { require.NoError(t, route(httpapi.BehindMiddleware(t.Context(), person("admin"))), name) })
		require.Empty(t, rows, "reading leaves no row: %s", name)
		require.Equal(t, fault.Forbidden, fault.CodeOf(route(t.Context())), "%s by nobody", name)
	}
}
