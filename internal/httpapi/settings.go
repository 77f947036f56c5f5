package httpapi

import (
	"context"
	"strconv"

	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
	"guardhouse/internal/settings"
)

// GetSettings answers everything that the console shows of the settings.
func (s *Server) GetSettings(ctx context.Context, _ gen.GetSettingsRequestObject) (gen.GetSettingsResponseObject, error) {
	v, err := s.deps.Settings.Get(requestContext(ctx), exchangeOf(ctx).principal)
	if err != nil {
		return nil, err
	}
	return gen.GetSettings200JSONResponse{Body: settingsDTO(v), Headers: gen.GetSettings200ResponseHeaders{ETag: etag(v.Version)}}, nil
}

// ChangeSettings stores values and answers what is set then.
func (s *Server) ChangeSettings(ctx context.Context, r gen.ChangeSettingsRequestObject) (gen.ChangeSettingsResponseObject, error) {
	change, err := settingsChange(*r.Body)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	change.Version, err = s.ifMatch(ctx, r.Params.IfMatch, false, func() (int64, error) {
		v, err := s.deps.Settings.Get(requestContext(ctx), exchangeOf(ctx).principal)
		return v.Version, err
	})
	if err != nil {
		return nil, err
	}
	v, err := s.deps.Settings.Change(requestContext(ctx), exchangeOf(ctx).principal, change)
	if err != nil {
		return nil, err
	}
	return gen.ChangeSettings200JSONResponse{Body: settingsDTO(v), Headers: gen.ChangeSettings200ResponseHeaders{ETag: etag(v.Version)}}, nil
}

// settingsChange answers the values in the spelling of the configuration file.
func settingsChange(body gen.SettingsChange) (settings.Change, error) {
	c := settings.Change{Values: make(map[string]*string, len(body))}
	for key, v := range body {
		var text string
		switch v := v.(type) {
		case nil:
			c.Values[key] = nil
			continue
		case string:
			text = v
		case bool:
			text = strconv.FormatBool(v)
		case float64:
			text = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			if !showable.MatchString(key) {
				key = ""
			}
			return c, wrong(key, "must be a word, a number, true, false or null")
		}
		c.Values[key] = &text
	}
	return c, nil
}

func settingsDTO(v settings.View) gen.Settings {
	return gen.Settings{
		Version: v.Version, Items: each(v.Items, settingDTO),
		Ignored: each(v.Ignored, func(i settings.Ignored) gen.IgnoredSetting { return gen.IgnoredSetting{Key: i.Key, Reason: i.Reason} }),
	}
}

func settingDTO(it settings.Item) gen.Setting {
	d := gen.Setting{
		Key: it.Key, Type: gen.SettingType(it.Type), Value: natural(it.Type, it.Value), Default: natural(it.Type, it.Default),
		InForce: natural(it.Type, it.InForce), Source: gen.SettingSource(it.Source), Editable: it.Editable, Applies: gen.SettingAppliesRestart,
		Unit: orNil(it.Unit), Choices: orEmpty(it.Choices), Problem: orNil(it.Problem), ChangedAt: wire.Maybe(it.ChangedAt),
		ChangedBy: orNil(it.ChangedBy), EventID: orNil(it.EventID),
	}
	if it.Applies == settings.Now {
		d.Applies = gen.SettingAppliesNow
	}
	if it.Min != "" {
		least := natural(it.Type, it.Min)
		d.Min = &least
	}
	if it.Max != "" {
		most := natural(it.Type, it.Max)
		d.Max = &most
	}
	return d
}

// natural answers a value in the JSON type of its kind. What is not of it stays the text that it is.
func natural(kind, text string) any {
	switch kind {
	case "integer":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

// ChangeMe changes the caller's own name and language.
func (s *Server) ChangeMe(ctx context.Context, r gen.ChangeMeRequestObject) (gen.ChangeMeResponseObject, error) {
	u, err := s.deps.Auth.ChangeMe(requestContext(ctx), exchangeOf(ctx).principal, r.Body.DisplayName, (*string)(r.Body.Language))
	if err != nil {
		return nil, err
	}
	return gen.ChangeMe200JSONResponse{Body: userDTO(u), Headers: gen.ChangeMe200ResponseHeaders{ETag: etag(u.Version)}}, nil
}
