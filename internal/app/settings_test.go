package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/config"
	"guardhouse/internal/limit"
	"guardhouse/internal/moderation"
	"guardhouse/internal/prompt"
	console "guardhouse/internal/settings"
)

func opened(t *testing.T, data string, environ ...string) *App {
	t.Helper()
	if environ == nil {
		environ = []string{}
	}
	c, err := config.Load(config.Sources{Flags: map[string]string{"data": data, "listen": "127.0.0.1:0"}, Environ: environ})
	require.NoError(t, err)
	a, err := Open(t.Context(), c, Options{Engine: engine(t), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func (a *App) change(t *testing.T, pairs ...string) error {
	t.Helper()
	c := console.Change{Values: map[string]*string{}}
	for i := 0; i < len(pairs); i += 2 {
		c.Values[pairs[i]] = &pairs[i+1]
	}
	_, err := a.Settings.Change(t.Context(), SystemPrincipal("test"), c)
	return err
}

func (a *App) mode(t *testing.T) string {
	t.Helper()
	in := moderation.Input{Messages: []prompt.Message{{Role: "user", Content: "hello"}}}
	vs, err := a.Moderation.Evaluate(context.Background(), SystemPrincipal("test"), moderation.Request{Inputs: []moderation.Input{in}})
	require.NoError(t, err)
	return vs[0].Policy.Mode
}

func TestStoredSettingsLastOverARestart(t *testing.T) {
	data := t.TempDir()
	a := opened(t, data)
	require.NoError(t, a.LoadModel(t.Context(), ""))
	require.Equal(t, "strict", a.mode(t))
	version := a.Guard.PolicyVersion()
	require.NoError(t, a.change(t, "moderation.mode", "loose", "engine.slots", "3"))
	require.Equal(t, "loose", a.mode(t), "at once")
	require.Equal(t, version+1, a.Guard.PolicyVersion())
	require.Zero(t, a.Config.Slots, "this process began without")
	require.NoError(t, a.Close())

	a = opened(t, data)
	require.NoError(t, a.LoadModel(t.Context(), ""))
	require.Equal(t, "loose", a.mode(t))
	require.Equal(t, 3, a.Config.Slots)
	require.NoError(t, a.Close())

	a = opened(t, data, "GUARDHOUSE_MODERATION_MODE=strict")
	require.NoError(t, a.LoadModel(t.Context(), ""))
	require.Equal(t, "strict", a.mode(t), "the environment is stronger")
	require.ErrorContains(t, a.change(t, "moderation.mode", "loose"), "fixed by the environment")
	require.ErrorContains(t, a.change(t, "models.default", "nobody"), "no guard")
	require.NoError(t, a.change(t, "models.default", "guard-nano"))
}

func TestACommandNoticesWhatAnotherStores(t *testing.T) {
	data := t.TempDir()
	server, shell := opened(t, data), opened(t, data)
	require.NoError(t, server.LoadModel(t.Context(), ""))
	stop := server.Follow(t.Context())
	defer stop()
	require.NoError(t, shell.change(t, "moderation.mode", "loose"))
	require.Eventually(t, func() bool { return server.mode(t) == "loose" }, 2*time.Second, 20*time.Millisecond)
}

// Changes of everything that applies now, while texts are judged. Run with -race.
func TestSettingsChangeUnderLoad(t *testing.T) {
	a := opened(t, t.TempDir())
	require.NoError(t, a.LoadModel(t.Context(), ""))
	var judging sync.WaitGroup
	for range 4 {
		judging.Go(func() {
			for range 20 {
				a.mode(t)
			}
		})
	}
	for i := range 8 {
		mode := []string{"strict", "loose"}[i%2]
		require.NoError(t, a.change(t, "moderation.mode", mode, "engine.queue", fmt.Sprint(50+i), "moderation.cache_entries", fmt.Sprint(i%3), "auth.session_idle", fmt.Sprintf("%dm", 5+i), "engine.deadline", "4m"))
	}
	judging.Wait()
	require.Equal(t, "loose", a.mode(t))
}

// Limits that are set while the server runs hold from the next use on, and those that are taken back hold nobody.
func TestStoredLimitsHoldAtOnce(t *testing.T) {
	a := opened(t, t.TempDir())
	require.NoError(t, a.LoadModel(t.Context(), ""))
	requests := func() (most []int64) {
		for _, q := range a.Guard.Quotas(limit.ByPerson) {
			if q.Unit == limit.Requests && q.Span == limit.Day && q.Max != limit.NoMax {
				most = append(most, q.Max)
			}
		}
		return most
	}
	require.Empty(t, requests())
	require.NoError(t, a.change(t, "limits.person_day_requests", "40", "limits.person", "6/min"))
	require.Equal(t, []int64{40}, requests())
	for _, value := range []string{"6/week", "many"} {
		require.ErrorContains(t, a.change(t, "limits.person", value), "wants a rate")
	}
	require.ErrorContains(t, a.change(t, "limits.person_day_requests", "-1"), "whole number")
	_, err := a.Settings.Change(t.Context(), SystemPrincipal("test"), console.Change{Values: map[string]*string{"limits.person_day_requests": nil}})
	require.NoError(t, err)
	require.Empty(t, requests())
}
