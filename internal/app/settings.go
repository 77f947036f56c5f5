package app

import (
	"context"
	"slices"
	"strings"
	"sync"

	"guardhouse/internal/auth"
	"guardhouse/internal/chat"
	"guardhouse/internal/config"
	"guardhouse/internal/fault"
	"guardhouse/internal/manager"
	"guardhouse/internal/moderation"
	console "guardhouse/internal/settings"
)

// defaultModel is the key whose values only the catalogue can judge.
const defaultModel = "models.default"

// openSettings reads what is stored, and puts it under what flags, environment and file say, for everything that is built
// from here on.
func (a *App) openSettings(ctx context.Context) (err error) {
	given := a.Config
	a.Settings, err = console.New(ctx, a.DB, a.Guard, console.Options{
		Fields: settingFields(given), Log: a.log, Admit: a.admitSetting, Misplaced: a.misplaced,
		Check: func(stored map[string]string) map[string]error {
			_, problems := given.With(stored)
			return problems
		},
	})
	if err != nil {
		return err
	}
	a.Config, _ = given.With(a.Settings.Stored()) // what has a problem was logged
	return nil
}

// followSettings has the services work with what is stored, now and whenever it changes.
func (a *App) followSettings(ctx context.Context) {
	given := a.Config
	a.Settings.Apply(func(stored map[string]string) {
		c, _ := given.With(stored)
		a.Moderation.Tune(tuning(c))
		a.Chat.Tune(chatTuning(c))
		a.Scheduler.SetQueue(c.Queue)
		a.Auth.SetTimes(auth.Times{Access: c.AccessTokenTTL, Idle: c.SessionIdle, Max: c.SessionMax})
		a.Catalog.SetDefault(c.DefaultModel)
		a.Catalog.SetAliases(c.Aliases)
		a.Models.Tune(manager.Tuning{Memory: c.Memory, Idle: c.IdleUnload})
		a.Guard.SetLimits(limits(c.Limits))
	})
	for _, i := range a.misplaced(ctx) {
		a.log.WarnContext(ctx, "a setting is not in force", "key", i.Key, "why", i.Reason)
	}
}

func tuning(c *config.Config) moderation.Tuning {
	return moderation.Tuning{
		Mode: c.Mode, MaxInputTokens: c.MaxInputTokens, Deadline: c.Deadline,
		CacheEntries: c.CacheEntries, CacheTTL: c.CacheTTL, CacheShareServices: c.CacheShareServices,
	}
}

func chatTuning(c *config.Config) chat.Tuning {
	return chat.Tuning{MaxTokens: c.ChatMaxTokens, MaxInputTokens: c.MaxInputTokens, Deadline: c.Deadline}
}

// admitSetting asks the catalogue about a wanted default guard.
func (a *App) admitSetting(ctx context.Context, key, value string) error {
	if key != defaultModel || value == "" || a.Catalog == nil {
		return nil
	}
	err := a.Catalog.MayDefault(ctx, value)
	if fault.CodeOf(err) == fault.Unprocessable {
		return fault.Newf(fault.Unprocessable, "%s", fault.From(err).Message).WithField(defaultModel)
	}
	return err
}

// misplaced names settings that are taken and still mean nothing here: a default guard that is not in the catalogue.
func (a *App) misplaced(ctx context.Context) []console.Ignored {
	if a.Catalog == nil {
		return nil
	}
	if there, err := a.Catalog.HasDefault(ctx); err == nil && !there {
		return []console.Ignored{{Key: defaultModel, Reason: "names no guard of the catalogue: its own default judges"}}
	}
	if came, err := a.Catalog.NamedCame(ctx); err == nil && !came {
		return []console.Ignored{{Key: defaultModel, Reason: "names a guard that did not prove itself: the one that was proven last judges"}}
	}
	return nil
}

// Follow has what other processes change, settings and rights, in force within a second until stop is called: for a command
// that runs for longer than that.
func (a *App) Follow(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { a.Settings.Watch(ctx) })
	work.Go(func() { a.Guard.Watch(ctx) })
	return func() {
		cancel()
		work.Wait()
	}
}

// settingFields answers what the console shows, as the settings' service takes it.
func settingFields(c *config.Config) []console.Field {
	verdicts := []string{"moderation.mode", defaultModel, "models.aliases"}
	var out []console.Field
	for _, f := range c.Fields() {
		s := console.Field{
			Key: f.Key, Default: f.Default, Type: f.Kind.Type, Min: f.Kind.Min, Max: f.Kind.Max, Choices: f.Kind.Choices,
			Given: f.Value, Source: f.Source, Unit: unit(f.Key), Policy: slices.Contains(verdicts, f.Key),
			Confirm: strings.HasPrefix(f.Key, "retention."),
		}
		if f.Source == "environment" {
			s.Source = console.Environment
		}
		switch f.Console { //nolint:exhaustive // what is only shown applies never
		case config.Now:
			s.Applies = console.Now
		case config.Restart:
			s.Applies = console.Restart
		}
		out = append(out, s)
	}
	return out
}

// unit answers what the number of a key counts, "" where it has no unit or is no number.
func unit(key string) string {
	switch key {
	case "models.max_input_tokens", "chat.max_tokens", "chat.context", "engine.batch":
		return "tokens"
	case "engine.queue":
		return "requests"
	case "engine.threads":
		return "threads"
	case "engine.slots":
		return "texts"
	case "moderation.cache_entries":
		return "verdicts"
	case "retention.audit", "retention.verdicts", "retention.sessions":
		return "days"
	}
	return ""
}

// ignoredSettings answers the keys of what is set and not in force.
func (a *App) ignoredSettings(ctx context.Context) []string {
	var keys []string
	for _, i := range a.Settings.Ignored(ctx) {
		keys = append(keys, i.Key)
	}
	return keys
}
