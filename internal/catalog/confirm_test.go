package catalog_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// Who gave up does not wait for a hash that another computes, and the next one finds the turn free again.
func TestWhoGaveUpWaitsForNoHash(t *testing.T) {
	h := newHouse(t)
	catalog.WithoutMemoryFiles(h.cat)
	f := h.open(t, "guard-nano")
	over := catalog.Hashing(f)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Confirm(ctx) }()
	leave()
	require.Equal(t, fault.Canceled, fault.CodeOf(<-done))
	over()
	require.NoError(t, f.Confirm(t.Context()))
	require.NoError(t, f.Confirm(ctx), "nothing has to be hashed: the answer is there")
}
