package canary_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/canary"
	"guardhouse/internal/catalog"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/moderation"
)

// turning answers as the fake does until it is told to call everything safe.
func turning() (say func(string) string, turned *atomic.Bool) {
	turned = &atomic.Bool{}
	return func(p string) string {
		if turned.Load() {
			return strings.ReplaceAll(strings.ReplaceAll(fake.Cues(p), " Unsafe", " Safe"), "Violent", "None")
		}
		return fake.Cues(p)
	}, turned
}

func TestTheSetIsBroad(t *testing.T) {
	s := set(t)
	require.GreaterOrEqual(t, len(s.Prompts), 40)
	require.LessOrEqual(t, len(s.Prompts), 60)
	var names []string
	responses, long := 0, 0
	for i, in := range s.Inputs() {
		names = append(names, s.Prompts[i].Name)
		last := in.Messages[len(in.Messages)-1]
		if last.Role == "assistant" {
			responses++
		}
		if len(last.Content) > 1500 {
			long++
		}
	}
	slices.Sort(names)
	require.Len(t, slices.Compact(names), len(s.Prompts), "names are their own")
	require.GreaterOrEqual(t, responses, 5)
	require.GreaterOrEqual(t, long, 2)
}

// The first answers of a guard that came from outside are what it is held to, over restarts and at the same time of every day.
func TestAnImportedGuardIsHeldToWhatItSaidFirst(t *testing.T) {
	say, turned := turning()
	r := newRig(t, nil, say, moderation.Options{})
	rows := r.look(t)
	require.Len(t, rows, 1)
	require.Equal(t, "recorded", rows[0].Details["canaries"])
	require.Equal(t, audit.Actor{Type: "system", Name: "server:canary"}, rows[0].Actor)
	require.Equal(t, "model:guard-nano", rows[0].Resource)
	require.Equal(t, "model.manage", rows[0].Action, "a row of moderation.run that allows has verdicts")
	require.Empty(t, r.look(t), "nothing changed")
	r.restart(t)
	rows = r.look(t)
	require.Len(t, rows, 1)
	require.Equal(t, canary.Passed, rows[0].Details["canaries"])
	require.NotEmpty(t, rows[0].Details["answers_sha256"], "it vouches for the baseline from now on")

	r.now = time.Date(2026, 11, 23, 2, 59, 59, 0, time.UTC)
	require.Empty(t, r.look(t))
	r.now = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	require.Len(t, r.look(t), 1, "the time of the day has come")
	require.Empty(t, r.look(t))

	turned.Store(true)
	r.now = r.now.Add(24 * time.Hour)
	rows = r.look(t)
	require.Len(t, rows, 1)
	require.Equal(t, audit.Error, rows[0].Decision)
	require.Equal(t, canary.Reason, rows[0].Reason)
	require.Contains(t, rows[0].Details["names"], "en-violent")
}

// threat M9: a guard that answers otherwise turns readiness off and judges nobody, until it answers as before or is recorded anew.
func TestADriftedGuardJudgesNobody(t *testing.T) {
	say, turned := turning()
	r := newRig(t, nil, say, moderation.Options{})
	r.look(t)
	require.NoError(t, r.judge(t))
	turned.Store(true)
	r.restart(t)
	r.look(t)
	drifted, err := r.canary.Ready(t.Context())
	require.True(t, drifted)
	require.Equal(t, fault.Loading, fault.CodeOf(err))
	require.Equal(t, fault.Loading, fault.CodeOf(r.judge(t)))
	require.Contains(t, r.canary.Drifted(), "guard-nano")
	m, err := r.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{catalog.StateFailed, catalog.CanaryDrift}, []string{m.State, m.StateCode})

	err = r.canary.Record(t.Context(), rita(), m)
	require.Equal(t, fault.Forbidden, fault.CodeOf(err), "not everybody's to say")
	require.NoError(t, r.canary.Record(t.Context(), access.System("tester"), m))
	require.Len(t, r.look(t), 1, "what was recorded is noticed")
	require.NoError(t, r.judge(t))
	m, err = r.cat.Resolve(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, catalog.StateReady, m.State)
	drifted, err = r.canary.Ready(t.Context())
	require.False(t, drifted)
	require.NoError(t, err)
	require.Empty(t, r.canary.Drifted())
}

// A guard that was taken out of memory and brought back is asked again, drifted or not.
func TestAGuardThatIsBackIsAskedAgain(t *testing.T) {
	say, turned := turning()
	r := newRig(t, nil, say, moderation.Options{})
	r.look(t)
	require.Empty(t, r.look(t))
	turned.Store(true)
	r.restart(t)
	r.look(t)
	require.Equal(t, canary.Drifted, r.state(t).Result)
	require.Empty(t, r.look(t), "once is enough")
	turned.Store(false)
	r.cat.SetState("guard-nano", catalog.StateReady, "") // as a load does
	require.Len(t, r.look(t), 1)
	require.Equal(t, canary.Passed, r.state(t).Result)
	require.NoError(t, r.judge(t))
	require.Empty(t, r.look(t))
	left := &leaving{Judge: r.svc}
	r.judging(t, left)
	require.Len(t, r.look(t), 1)
	left.gone = true
	require.Empty(t, r.look(t))
	left.gone = false
	require.Len(t, r.look(t), 1, "it is back in memory")
}

// leaving is moderation whose guards are out of memory while gone.
type leaving struct {
	canary.Judge
	gone bool
}

func (l *leaving) Running(ctx context.Context) ([]moderation.Running, error) {
	if l.gone {
		return nil, nil
	}
	return l.Judge.Running(ctx)
}

// Who writes the database's file cannot make a bent guard look like itself.
func TestABaselineThatTheLogDoesNotVouchForIsNone(t *testing.T) {
	for name, sql := range map[string]string{
		"answers": `UPDATE canary_baselines SET answers = json_set(answers, '$[0].severity', 'Unsafe')`,
		"row":     `UPDATE canary_baselines SET event_id = 'evt_01ARZ3NDEKTSV4RRFFQ69G5FAV'`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil, nil, moderation.Options{})
			r.look(t)
			require.NoError(t, r.db.Write(func(tx *db.Tx) error {
				_, err := tx.Exec(sql)
				return err
			}))
			r.restart(t)
			rows := r.look(t)
			require.Equal(t, canary.Edited, r.state(t).Result)
			require.Equal(t, canary.Edited, rows[0].Details["canaries"])
			require.Equal(t, fault.Loading, fault.CodeOf(r.judge(t)))
		})
	}
}

// What comes with the program counts where nothing was recorded here; of other bytes it says nothing.
func TestWhatComesWithTheProgramCounts(t *testing.T) {
	say, turned := turning()
	r := newRig(t, nil, say, moderation.Options{})
	m, b := r.nano(t), r.said(t, "")
	other := b
	other.SetSHA256 = "ab"
	r.builtin = []canary.Baseline{other, b}
	r.restart(t)
	r.look(t)
	require.True(t, r.state(t).Builtin)
	require.Equal(t, canary.Passed, r.state(t).Result)
	turned.Store(true)
	r.restart(t)
	r.look(t)
	require.Equal(t, canary.Drifted, r.state(t).Result)
	require.NoError(t, r.canary.Record(t.Context(), access.System("tester"), m))
	r.look(t)
	require.False(t, r.state(t).Builtin, "what was recorded here is newer")
	require.Equal(t, canary.Passed, r.state(t).Result)
}

// Readiness waits for the first answers, and not for long.
func TestReadinessWaitsAMoment(t *testing.T) {
	r := newRig(t, nil, nil, moderation.Options{})
	_, err := r.canary.Ready(t.Context())
	require.NoError(t, err, "nobody looks: a command, not a server")
	r.look(t)
	_, err = r.canary.Ready(t.Context())
	require.NoError(t, err)
}

// A guard that cannot be asked is no drifted one; it is asked again, and not without a pause.
func TestAGuardThatCannotBeAskedIsAskedAgain(t *testing.T) {
	r := newRig(t, nil, nil, moderation.Options{})
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE models SET sha256 = '` + strings.Repeat("ab", 32) + `'`)
		return err
	}))
	_, err := r.cat.Refresh(t.Context())
	require.NoError(t, err)
	require.Empty(t, r.look(t), "those bytes are not in memory")
	_, asked := r.canary.State("guard-nano")
	require.False(t, asked)
	_, err = r.canary.Ready(t.Context())
	require.Error(t, err, "readiness waits")
	r.now = r.now.Add(2 * time.Second)
	_, err = r.canary.Ready(t.Context())
	require.NoError(t, err, "and not for long")
}
