package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/app"
	"guardhouse/internal/catalog"
	"guardhouse/internal/config"
	"guardhouse/internal/rule"
)

// The command that import prints is one that a shell takes, on the same folder and with the same template.
func TestTheOpeningCommandIsTakenByAShell(t *testing.T) {
	for _, path := range []string{"g.gguf", "a model (1).gguf", "it's; $(false) `false`.gguf", "模型.gguf"} {
		sh := &shared{data: "/srv/my data", configFile: "c d.yaml"}
		line := sh.opening(catalog.Model{ID: "g"}, catalog.ImportRequest{Path: path, Template: "t '.jinja"})
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "guardhouse() { printf '%s\\n' \"$@\"; }; "+line).Output()
		require.NoError(t, err, line)
		want := "model\nimport\n" + path + "\n--id\ng\n--template\nt '.jinja\n--data\n/srv/my data\n--config\nc d.yaml\n--allow\nrole:reviewer\n"
		require.Equal(t, want, string(out))
	}
	line := (&shared{}).opening(catalog.Model{ID: "g"}, catalog.ImportRequest{Path: "new\nline.gguf"})
	require.Equal(t, "guardhouse model import FILE --id g --allow role:reviewer", line, "no terminal shows its name")
}

// A model is closed until a rule of its own or a pattern allows it; a rule that is only reported, that denies or that only shows it does not.
func TestWhatIsOpenToNobody(t *testing.T) {
	data := folder(t)
	c, err := config.Load(config.Sources{Flags: map[string]string{"data": data}, Environ: []string{}, File: os.DevNull})
	require.NoError(t, err)
	a, err := app.Open(t.Context(), c, app.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	put := func(rules ...rule.Rule) {
		pass, err := a.Guard.Enter(t.Context(), app.SystemPrincipal("tester"), access.Op{Action: access.ACLManage})
		require.NoError(t, err)
		defer pass.Close(&err)
		_, err = a.Guard.PutRules(t.Context(), pass, 0, func(now []rule.Rule) ([]rule.Rule, error) { return append(now, rules...), nil })
		require.NoError(t, err)
	}
	everyone := []rule.Principal{{Kind: rule.KindAny}}
	require.False(t, openToNobody(a.Guard, "guard-nano"), "the shipped rule opens it")
	require.True(t, openToNobody(a.Guard, "mine"))
	put(rule.Rule{ID: "a", Allow: true, Principals: everyone, Models: []string{"mine"}, Operations: []rule.Operation{rule.View}},
		rule.Rule{ID: "b", Principals: everyone, Models: []string{"mine"}, Operations: []rule.Operation{rule.Every}},
		rule.Rule{ID: "c", Allow: true, ReportOnly: true, Principals: everyone, Models: []string{"mine"}, Operations: []rule.Operation{rule.Infer}})
	require.True(t, openToNobody(a.Guard, "mine"))
	put(rule.Rule{ID: "d", Allow: true, Principals: everyone, Models: []string{"mi*"}, Operations: []rule.Operation{rule.Infer}})
	require.False(t, openToNobody(a.Guard, "mine"))
	require.True(t, openToNobody(a.Guard, "other"))
}
