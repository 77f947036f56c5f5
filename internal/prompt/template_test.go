package prompt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/fault"
)

// The texts were rendered by the reference renderer with trim_blocks and lstrip_blocks from templates
// of our own.
func TestReferenceRendering(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "template", "reference.json"))
	require.NoError(t, err)
	var file struct {
		Messages []Message
		Cases    []struct{ Template, Rendered string }
	}
	require.NoError(t, json.Unmarshal(b, &file))
	require.Greater(t, len(file.Cases), 40)
	for _, c := range file.Cases {
		tpl, err := Compile(c.Template)
		require.NoError(t, err, "%q", c.Template)
		out, err := tpl.Render(file.Messages)
		require.NoError(t, err, "%q", c.Template)
		require.Equal(t, c.Rendered, out, "%q", c.Template)
	}
}

// threat M5
func TestCompileRefuses(t *testing.T) {
	for src, want := range map[string]string{
		"{% include '/etc/passwd' %}":                       "include",
		"{% extends 'x' %}":                                 "extends",
		"{% import 'x' as y %}":                             "import",
		"{% from 'x' import y %}":                           "from",
		"{% macro f() %}{% endmacro %}":                     "macro",
		"{% block a %}{% endblock %}":                       "block",
		"{% raw %}{{ x }}{% endraw %}":                      "raw",
		"{% call f() %}{% endcall %}":                       "call",
		"{% filter upper %}{% endfilter %}":                 "filter",
		"{% with a=1 %}{% endwith %}":                       "with",
		"{% autoescape true %}{% endautoescape %}":          "autoescape",
		"{% do x %}":                                        "do",
		"{% break %}":                                       "break",
		"{% generation %}{% endgeneration %}":               "generation",
		"{% set x %}a{% endset %}":                          "set",
		"{% set a, b = 1 %}":                                "set",
		"{% for a, b in messages %}{% endfor %}":            "loop",
		"{% for a in messages recursive %}{% endfor %}":     "recursive",
		"{{ messages.__class__ }}":                          "__class__",
		"{{ messages['__class__'] }}":                       "underscore",
		"{{ ''.__class__.__mro__[1].__subclasses__() }}":    "__class__",
		"{{ __import__('os') }}":                            "__import__",
		"{{ messages[0].content.startswith('a') }}":         "startswith",
		"{{ messages.pop() }}":                              "pop",
		"{{ lipsum() }}":                                    "lipsum",
		"{{ cycler('a') }}":                                 "cycler",
		"{{ strftime_now('%Y') }}":                          "strftime_now",
		"{{ messages|tojson }}":                             "tojson",
		"{{ messages|map(attribute='role') }}":              "map",
		"{{ messages|attr('role') }}":                       "attr",
		"{{ 'a'|format(1) }}":                               "format",
		"{{ 1 is divisibleby(3) }}":                         "divisibleby",
		"{{ 'a' * 1000000000 }}":                            "*",
		"{{ 7 % 2 }}":                                       "%",
		"{{ 2 ** 64 }}":                                     "**",
		"{{ 1.5 }}":                                         "whole numbers",
		"{{ 99999999999999 }}":                              "too large",
		"{{ [1, 2] }}":                                      "literals",
		"{{ {'a': 1} }}":                                    "literals",
		"{{ range(1, 2, 3) }}":                              "range",
		"{{ (messages)(1) }}":                               "calls",
		"{{ 1 < 2 < 3 }}":                                   "chained",
		"{{ 'a'|trim('x') }}":                               "arguments",
		"{{ messages[] }}":                                  "empty",
		"{{ messages[1:2:3:4] }}":                           "too many parts",
		"{{ 'open }}":                                       "not closed",
		"{{ a ":                                             "not closed",
		"{# a ":                                             "not closed",
		"{% if a %}":                                        "not closed",
		"{% for a in b %}":                                  "not closed",
		"{% endif %}":                                       "endif",
		"{% else %}":                                        "else",
		"{{ }}":                                             "missing",
		"{{ a b }}":                                         "more than one",
		"{{ ` }}":                                           "sign",
		"{{ '\\xZZ' }}":                                     "escape",
		"{{ '\\ud800' }}":                                   "no character",
		"{{ '\\N{BULLET}' }}":                               "named",
		"\xff":                                              "UTF-8",
		strings.Repeat("x", maxSource+1):                    "longer",
		strings.Repeat("{% if a %}", 500):                   "nested",
		"{{ " + strings.Repeat("(", 5000) + " }}":           "nested",
		"{{ " + strings.Repeat("not ", 5000) + "1 }}":       "nested",
		"{{ " + strings.Repeat("-", 5000) + "1 }}":          "nested",
		"{{ 1" + strings.Repeat("+1", 5000) + " }}":         "too long",
		"{{ a" + strings.Repeat("[0]", 5000) + " }}":        "too long",
		"{{ 1" + strings.Repeat(" if 1 else 1", 900) + "}}": "nested",
		"{% if 1 %}" + strings.Repeat("{% elif 1 %}", 900):  "nested",
	} {
		_, err := Compile(src)
		name := src[:min(len(src), 60)]
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", name)
		require.Contains(t, fault.From(err).Message, want, "%q", name)
	}
}

// threat M5
func TestRenderIsBounded(t *testing.T) {
	msgs := []Message{{"user", strings.Repeat("a", 1000)}, {"assistant", "b"}, {"user", "c"}}
	deep := ""
	for range 20 {
		deep += "{% for a in range(9999) %}"
	}
	for name, src := range map[string]string{
		"range":      "{% for a in range(1000000000) %}x{% endfor %}",
		"nested":     deep + "x" + strings.Repeat("{% endfor %}", 20),
		"empty body": deep + strings.Repeat("{% endfor %}", 20),
		"doubling":   "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
		"replace":    "{% set ns = namespace(s='aa') %}{% for i in range(64) %}{% set ns.s = ns.s|replace('a', 'aa') %}{% endfor %}",
		"copies":     "{% for i in range(9999) %}{{ messages[0].content }}{% endfor %}",
		"compare":    "{% for i in range(9999) %}{% for j in range(9999) %}{% if messages[0].content == messages[0].content %}{% endif %}{% endfor %}{% endfor %}",
		"search":     "{% for i in range(9999) %}{% for j in range(99) %}{% if 'zz' in messages[0].content %}{% endif %}{% endfor %}{% endfor %}",
		"join":       "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = range(999)|join(ns.s) %}{% endfor %}",
		"slices":     "{% for i in range(9999) %}{% for j in range(9999) %}{{ messages[0].content[::-1][0] }}{% endfor %}{% endfor %}",
		"numbers":    "{% set ns = namespace(n=1) %}{% for i in range(99) %}{% set ns.n = ns.n + ns.n %}{% endfor %}",
		"raise":      "{{ raise_exception('no') }}",
		"types":      "{{ messages + 1 }}", "types 2": "{{ 1 + 'a' }}", "types 3": "{{ messages }}", "types 4": "{{ messages[0] }}",
		"undefined field": "{{ nothing.x }}", "loop outside": "{{ loop.index }}", "unknown loop field": "{% for m in messages %}{{ loop.previtem }}{% endfor %}",
		"loop over text": "{% for c in 'abc' %}{{ c }}{% endfor %}", "set field": "{% set messages.x = 1 %}", "step 0": "{{ 'a'[::0] }}",
		"spaces in spaces": "{% set a = namespace() %}{% set b = namespace() %}{% set a.b = b %}", "length of 1": "{{ 1|length }}", "in 1": "{{ 1 in 2 }}",
		"replace nothing": "{{ 'a'|replace('', 'b') }}", "join text": "{{ 1|join }}", "first of 1": "{{ 1|first }}", "text index": "{{ messages['x'] }}",
		"minus text": "{{ -'a' }}", "less": "{{ 1 < 'a' }}", "call range": "{{ range('a') }}", "slice bound": "{{ messages['a':] }}", "slice 1": "{{ 1[1:] }}", "index none": "{{ messages[none] }}",
	} {
		tpl, err := Compile(src)
		require.NoError(t, err, name)
		start := time.Now()
		_, err = tpl.Render(msgs)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.Less(t, time.Since(start), time.Minute, name) // measured: at most 50 ms; without bounds it would be years
	}
}

// Marks follow content through everything a template can do with it (threat T1).
func TestMarksFollowContent(t *testing.T) {
	content := "  X<|im_end|>Y "
	for src, want := range map[string]string{
		"a{{ messages[0].content }}b":                          content,
		"a{{ 'p' + messages[0].content ~ 'q' }}b":              content,
		"a{{ messages[0].content|trim }}b":                     strings.TrimSpace(content),
		"a{{ messages[0].content[2:5] }}b":                     content[2:5],
		"a{{ messages[0].content[3] }}b":                       content[3:4],
		"a{{ messages[0].content|upper }}b":                    strings.ToUpper(content),
		"a{{ messages[0].content|replace('X', '<think>') }}b":  strings.ReplaceAll(content, "X", "<think>"),
		"a{{ '<think>-'|replace('-', messages[0].content) }}b": "<think>" + content,
		"{% set ns = namespace(s='') %}{% for m in messages %}{% set ns.s = ns.s + m.content %}{% endfor %}{{ ns.s }}b": content,
		"a{{ messages[0].content|default('x') }}{{ '' if true }}":                                                       content,
		"a{{ messages[0].content[::-1] }}b":                                                                             "Y>dne_mi|<X"[:0] + " Y>|dne_mi|<X  ",
	} {
		tpl, err := Compile(src)
		require.NoError(t, err, src)
		out, err := tpl.render([]Message{{"user", content}})
		require.NoError(t, err, src)
		got := ""
		for _, m := range out.marks {
			got += out.s[m.from:m.to]
		}
		require.Equal(t, want, got, src)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"{% for m in messages %}{{ m.role ~ m.content|trim }}{% endfor %}", "{% if a is not defined %}x{% elif 1 in 'a' %}{% else %}{% endif %}",
		"{% set ns = namespace(a=1) %}{% set ns.a = ns.a + 1 %}{{ ns.a }}", "{{ messages[::-1][0]['content'][1:-1] }}", "{#- c -#}{{ 'a\\n' if true else \"b\" }}",
		"{{ range(1,3)|join(',')|replace('a','b')|default(1, true) }}", "{%- for i in range(3) if i > 1 -%}{{ loop.last }}{%- else -%}{%- endfor -%}",
	} {
		f.Add(s)
	}
	msgs := []Message{{"system", "s"}, {"user", "Hi <|im_end|>"}, {"assistant", "é炸"}}
	f.Fuzz(func(t *testing.T, src string) {
		tpl, err := Compile(src)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		out, err := tpl.render(msgs)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		at := 0
		for _, m := range out.marks {
			if m.from < at || m.to < m.from || m.to > len(out.s) || m.msg >= len(msgs) {
				t.Fatalf("marks %v of %q", out.marks, out.s)
			}
			at = m.to
		}
	})
}
