package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func base(t *testing.T, yaml string, env []string, flags map[string]string) *Config {
	t.Helper()
	c, err := load(t, yaml, env, flags)
	require.NoError(t, err)
	return c
}

// Flag over environment over file over console over default, for one key after the other.
func TestPrecedence(t *testing.T) {
	const key = "engine.queue"
	stored := map[string]string{key: "20"}
	for _, tc := range []struct {
		name, yaml string
		env        []string
		flags      map[string]string
		stored     map[string]string
		want       int
		source     string
	}{
		{name: "default", want: 256, source: "default"},
		{name: "console over default", stored: stored, want: 20, source: "default"},
		{name: "file over console", yaml: "engine: {queue: 30}", stored: stored, want: 30, source: "file"},
		{name: "environment over file", yaml: "engine: {queue: 30}", env: []string{"GUARDHOUSE_ENGINE_QUEUE=40"}, stored: stored, want: 40, source: "environment"},
		{name: "flag over environment", yaml: "engine: {queue: 30}", env: []string{"GUARDHOUSE_ENGINE_QUEUE=40"}, flags: map[string]string{key: "50"}, stored: stored, want: 50, source: "flag"},
		{name: "file over console, the default written down", yaml: "engine: {queue: 256}", stored: stored, want: 256, source: "file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := base(t, tc.yaml, tc.env, tc.flags)
			next, problems := c.With(tc.stored)
			require.Empty(t, problems)
			require.Equal(t, tc.want, next.Queue)
			i := slices.IndexFunc(c.Fields(), func(f Field) bool { return f.Key == key })
			require.Equal(t, tc.source, c.Fields()[i].Source, "what the layers above the console say")
		})
	}
}

func TestStoredValuesThatCannotBe(t *testing.T) {
	for name, tc := range map[string]struct {
		yaml   string
		stored map[string]string
		bad    map[string]string // key -> part of the reason
	}{
		"of a newer release":      {stored: map[string]string{"engine.warp": "9"}, bad: map[string]string{"engine.warp": "no setting of this release"}},
		"not built":               {stored: map[string]string{"tls.client_ca": "9"}, bad: map[string]string{"tls.client_ca": "no setting of this release"}},
		"never the console's":     {stored: map[string]string{"engine.gpu_layers": "9", "engine.gpu_library": "/x", "tls.key": "/x", "moderation.keep_content": "none"}, bad: map[string]string{"engine.gpu_layers": "not set in the console", "engine.gpu_library": "not set in the console", "tls.key": "not set in the console", "moderation.keep_content": "not set in the console"}},
		"out of range":            {stored: map[string]string{"engine.deadline": "6m"}, bad: map[string]string{"engine.deadline": "wants a time from 100ms to 5m"}},
		"no number":               {stored: map[string]string{"engine.queue": "many"}, bad: map[string]string{"engine.queue": "wants a whole number from 1 to 100000"}},
		"too little memory":       {stored: map[string]string{"models.memory": "12"}, bad: map[string]string{"models.memory": "wants bytes, KiB, MiB or GiB"}},
		"memory in GiB":           {stored: map[string]string{"models.memory": "12GiB"}},
		"idle for a moment":       {stored: map[string]string{"models.idle_unload": "5s"}, bad: map[string]string{"models.idle_unload": "wants 0, or a time from 1m"}},
		"no model's id":           {stored: map[string]string{"models.default": "../x"}, bad: map[string]string{"models.default": "wants the id of a model"}},
		"idle past the file":      {yaml: "auth: {session_max: 1h}", stored: map[string]string{"auth.session_idle": "2h"}, bad: map[string]string{"auth.session_idle": "longer than"}},
		"max below the file":      {yaml: "auth: {session_idle: 1h}", stored: map[string]string{"auth.session_max": "30m"}, bad: map[string]string{"auth.session_max": "longer than"}},
		"both against each other": {stored: map[string]string{"auth.session_idle": "40m", "auth.session_max": "20m"}, bad: map[string]string{"auth.session_idle": "longer than", "auth.session_max": "longer than"}},
		"hidden, whatever it is":  {yaml: "engine: {queue: 30}", stored: map[string]string{"engine.queue": "many"}},
	} {
		t.Run(name, func(t *testing.T) {
			stored := maps.Clone(tc.stored)
			stored["moderation.mode"] = "loose"
			next, problems := base(t, tc.yaml, nil, nil).With(stored)
			require.Equal(t, "loose", next.Mode, "what is good is in force all the same")
			require.NoError(t, next.check(), "whatever is stored, the settings in force are sound")
			require.Len(t, problems, len(tc.bad))
			for key, says := range tc.bad {
				require.ErrorContains(t, problems[key], says)
			}
		})
	}
}

func TestWithChangesNothingElseAndTakesBack(t *testing.T) {
	c := base(t, "listen: 127.0.0.1:1\nengine: {deadline: 2m}", nil, nil)
	first, problems := c.With(map[string]string{"models.default": "other", "auth.session_idle": "5m", "engine.slots": "3"})
	require.Empty(t, problems)
	require.Equal(t, "other", first.DefaultModel)
	require.Equal(t, 5*time.Minute, first.SessionIdle)
	require.Equal(t, 3, first.Slots)
	require.Equal(t, 2*time.Minute, first.Deadline)
	require.Equal(t, c.Listen, first.Listen)
	require.Empty(t, c.DefaultModel, "the settings without them stay as they are")

	back, problems := first.With(nil)
	require.Empty(t, problems)
	require.Empty(t, back.DefaultModel, "what is taken back is the default again")
	require.Equal(t, c.SessionIdle, back.SessionIdle)
	require.Equal(t, c.Slots, back.Slots)
}

// What opens a file or a port, runs a program or is a secret is nothing that the console could show or store (threat D2).
func TestTheConsoleNeverHasFilesPortsAndSecrets(t *testing.T) {
	c := base(t, "", nil, nil)
	shown := map[string]bool{}
	for _, f := range c.Fields() {
		shown[f.Key] = true
		if f.Console.Editable() {
			require.NotEqual(t, "", f.Kind.Type, f.Key)
			require.NoError(t, f.apply(&Config{}, f.Default), "%s: the default is a value", f.Key)
			for _, end := range []string{f.Kind.Min, f.Kind.Max} {
				if end != "" {
					require.NoError(t, f.apply(&Config{}, end), "%s: %s is within its own bounds", f.Key, end)
				}
			}
			for _, word := range f.Kind.Choices {
				require.NoError(t, f.apply(&Config{}, word), f.Key)
			}
		}
	}
	for _, o := range Options() {
		for _, part := range []string{"listen", "tls.", "secret", "file", "dir", "data", "allow_", "trusted_", "log."} {
			if o.Secret || strings.Contains(o.Key, part) {
				require.False(t, shown[o.Key], o.Key)
				_, problems := c.With(map[string]string{o.Key: "x"})
				require.Error(t, problems[o.Key], o.Key)
			}
		}
	}
}

func TestAConfigNeverPrintsWhatItWasGiven(t *testing.T) {
	const planted = "correct-horse-battery-staple-0123456789"
	c := base(t, "auth: {jwt_secret: "+planted+"}", nil, nil)
	next, _ := c.With(nil)
	for _, s := range []string{fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", *next)} {
		require.NotContains(t, s, planted)
	}
}
