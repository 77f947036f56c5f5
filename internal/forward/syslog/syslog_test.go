package syslog_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/forward/syslog"
)

func event() audit.Event {
	ev := audit.Event{
		V: audit.Version, ID: "evt_01KAJ0G0000000000000000001", Seq: 7, At: time.Date(2026, 11, 21, 9, 0, 0, 5e6, time.UTC),
		Actor: audit.Actor{Type: "user", ID: "usr_1", Name: "李 rita"}, Roles: []string{}, Groups: []string{}, Action: "moderation.run", Decision: audit.Allow,
		Details: map[string]any{"items": json.Number("2")}, PrevHash: audit.Genesis,
	}
	ev.Hash = ev.ComputeHash()
	return ev
}

func encoder() syslog.Encoder {
	return syslog.Encoder{Host: "guard.example", Facility: syslog.FacilityAudit, Max: syslog.DefaultBytes}
}

func TestARowIsOneMessageWithItsProof(t *testing.T) {
	ev := event()
	out, err := encoder().Row(ev)
	require.NoError(t, err)
	head, text, _ := strings.Cut(string(out), "] ")
	require.Equal(t, `<110>1 2026-11-21T09:00:00.005Z guard.example guardhouse - moderation.run [guardhouse@32473 id="`+ev.ID+`" seq="7" hash="`+
		ev.Hash+`" prev="`+audit.Genesis+`" decision="allow"`, head)
	var back audit.Event
	require.NoError(t, json.Unmarshal([]byte(text), &back))
	require.Equal(t, ev.Hash, back.ComputeHash(), "whoever receives it computes the hash again")
	require.Equal(t, "李 rita", back.Actor.Name)
}

func TestSeverities(t *testing.T) {
	for decision, pri := range map[string]string{audit.Allow: "<110>", audit.Deny: "<109>", audit.Error: "<108>"} {
		ev := event()
		ev.Decision = decision
		out, err := encoder().Row(ev)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(out), pri), string(out))
	}
	ev := event()
	ev.Action = "alert.raise"
	out, err := encoder().Row(ev)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(out), "<105>"))
}

// threat W3
func TestNothingThatATerminalObeysOrThatEndsAMessage(t *testing.T) {
	ev := event()
	for _, s := range []*string{&ev.Actor.Name, &ev.UserAgent, &ev.Purpose, &ev.Action, &ev.Decision, &ev.ID, &ev.Hash, &ev.Resource} {
		*s = "a\r\n<13>1 - forged \x1b[2J\x00\u202e\u0085\x7f\u2028\"]\\ 😀"
	}
	e := encoder()
	e.Host = "evil host\n]"
	out, err := e.Row(ev)
	require.NoError(t, err)
	plain(t, out)
	require.Equal(t, len(out)+len(strconv.Itoa(len(out)))+1, len(syslog.Frame(out)))
	var back audit.Event
	_, text, _ := strings.Cut(string(out), "] {")
	require.NoError(t, json.Unmarshal([]byte("{"+text), &back))
	require.Equal(t, ev.UserAgent, back.UserAgent, "escaped, not lost")
}

func plain(t testing.TB, out []byte) {
	t.Helper()
	for _, c := range out {
		if c < ' ' || c > '~' {
			t.Fatalf("byte %#x in %q", c, out)
		}
	}
}

func TestALongRowIsShortenedAndSaysSo(t *testing.T) {
	ev := event()
	ev.Details = map[string]any{"text": strings.Repeat("护", 30000)}
	for _, s := range []*string{&ev.Actor.ID, &ev.Actor.Name, &ev.KeyID, &ev.Purpose, &ev.IP, &ev.Resource, &ev.Model, &ev.Reason, &ev.RuleID, &ev.RequestID} {
		*s = strings.Repeat("护", 80)
	}
	ev.Hash = ev.ComputeHash()
	e := encoder()
	e.Host = strings.Repeat("h", 300)
	for _, letter := range []string{"护", `"`, `\`, "a", "😀", "\x01"} {
		for _, s := range []*string{&ev.Actor.ID, &ev.Actor.Name, &ev.KeyID, &ev.Purpose, &ev.Operation, &ev.Action, &ev.IP, &ev.Resource, &ev.Model, &ev.Reason, &ev.RuleID, &ev.RequestID} {
			*s = strings.Repeat(letter, 256/len(letter))
		}
		for _, most := range []int{0, syslog.LeastBytes, syslog.DefaultBytes, syslog.MostBytes} {
			e.Max = most
			out, err := e.Row(ev)
			require.NoError(t, err)
			require.LessOrEqual(t, len(out), max(most, syslog.LeastBytes))
			require.Contains(t, string(out), `shortened="1"`)
			require.Contains(t, string(out), ev.Hash)
			_, text, _ := strings.Cut(string(out), "] {")
			require.True(t, json.Valid([]byte("{"+text)), "cut: %s", text)
		}
	}
}

func TestNoteAndTest(t *testing.T) {
	note := "guardhouse/checkpoint/v1\nseq 7\n\n— guardhouse/x " + strings.Repeat("A", 600) + "\n"
	e := encoder()
	e.Host, e.Max = strings.Repeat("h", 300), syslog.LeastBytes
	out, err := e.Note(3, 7, strings.Repeat("a", 64), event().At, note)
	require.NoError(t, err)
	plain(t, out)
	_, text, _ := strings.Cut(string(out), "] ")
	var said struct{ Checkpoint string }
	require.NoError(t, json.Unmarshal([]byte(text), &said))
	require.Equal(t, note, said.Checkpoint)
	require.Contains(t, string(out), ` checkpoint [guardhouse@32473 checkpoint="3" seq="7"`)
	require.Contains(t, string(encoder().Test("t1", event().At)), `guardhouse - test [guardhouse@32473 test="t1"] {"test":true}`)
}

func FuzzRow(f *testing.F) {
	f.Add("a", "b\n", "\x1b]", "\u202e", 900)
	f.Fuzz(func(t *testing.T, name, action, host, detail string, most int) {
		ev := event()
		ev.Actor.Name, ev.Action, ev.Details = name, action, map[string]any{"d": strings.ToValidUTF8(detail, "?")}
		e := encoder()
		e.Host, e.Max, e.Facility = host, most, most%99
		out, err := e.Row(ev)
		require.NoError(t, err)
		plain(t, out)
		require.LessOrEqual(t, len(out), min(max(most, syslog.LeastBytes), syslog.MostBytes))
		fields := strings.SplitN(string(out), " ", 7)
		require.Len(t, fields, 7)
		require.True(t, strings.HasPrefix(fields[6], "[guardhouse@32473 id="))
		framed := string(syslog.Frame(out))
		size, message, _ := strings.Cut(framed, " ")
		n, err := strconv.Atoi(size)
		require.NoError(t, err)
		require.Len(t, message, n)
	})
}
