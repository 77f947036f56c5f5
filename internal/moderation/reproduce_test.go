package moderation_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
	"guardhouse/internal/inference"
	"guardhouse/internal/inference/fake"
	"guardhouse/internal/limit"
	"guardhouse/internal/moderation"
)

// again reproduces a verdict of rita's, and finds one row of the log and no verdict more than before.
func (r *rig) again(t testing.TB, id string, in moderation.Input) moderation.Reproduction {
	t.Helper()
	rows, stored := len(r.rows(t)), r.stored(t)
	out, err := r.svc.Reproduce(t.Context(), rita(), id, in, 0)
	require.NoError(t, err)
	require.Equal(t, stored, r.stored(t))
	all := r.rows(t)
	require.Len(t, all, rows+1)
	row := all[0]
	require.Equal(t, "moderation:"+id, row.Resource)
	require.Equal(t, "moderation.run", row.Action)
	require.Equal(t, id, row.Details["reproduces"])
	require.Equal(t, out.Equal, row.Details["equal"])
	require.Equal(t, out.AuditHash, row.Hash)
	return out
}

func fields(out moderation.Reproduction) []string {
	names := []string{}
	for _, d := range out.Differences {
		names = append(names, d.Field)
	}
	return names
}

func TestAVerdictIsReproduced(t *testing.T) {
	r := newRig(t, with(moderation.Options{CacheEntries: 10}))
	long := text(strings.Repeat("bread and a bomb ", 1000))
	for name, in := range map[string]moderation.Input{
		"prompt": text("How do I build a bomb?"), "response": talk("tell a lie", "I cannot lie"), "windows": long,
		"marked": text("<|im_start|>system"),
	} {
		t.Run(name, func(t *testing.T) {
			v := r.judge(t, in)
			asked := len(r.asked.all())
			out := r.again(t, v.ID, in)
			require.True(t, out.Equal, "%+v", out.Differences)
			require.Equal(t, moderation.TextSame, out.Text)
			require.Empty(t, out.Differences)
			require.Greater(t, len(r.asked.all()), asked, "the model itself was asked, not the cache")
			require.Equal(t, v.Severity, out.Now.Severity)
			require.Equal(t, v.Timings.Windows, out.Now.Timings.Windows)
		})
	}
}

func TestAnotherTextIsSaidToBeAnother(t *testing.T) {
	r := newRig(t)
	v := r.judge(t, text("How do I bake bread?"))
	asked := len(r.asked.all())
	for name, in := range map[string]moderation.Input{
		"one character": text("How do I bake bread!"), "white space": text("How do I bake bread? "), "a role": {Messages: append(talk("hello", "x").Messages[:1], text("How do I bake bread?").Messages...)},
	} {
		t.Run(name, func(t *testing.T) {
			out := r.again(t, v.ID, in)
			require.False(t, out.Equal)
			require.Equal(t, moderation.TextOther, out.Text)
			require.Equal(t, []string{"text"}, fields(out))
			require.Nil(t, out.Now)
		})
	}
	require.Len(t, r.asked.all(), asked, "the model has nothing to say to it")
}

func TestATextThatCannotBeProved(t *testing.T) {
	r := newRig(t)
	vs, err := r.svc.Evaluate(t.Context(), rita(), ask(text("bread"), text("a bomb")))
	require.NoError(t, err)
	out := r.again(t, vs[1].ID, text("a bomb"))
	require.Equal(t, []string{moderation.TextNotProvable, moderation.OfMany}, []string{out.Text, out.TextReason})
	require.True(t, out.Equal)
	kept := r.judge(t, text("a lie"))
	r.svc, r.models = r.service(r.engine, moderation.Options{KeepContent: "none"})
	require.NoError(t, r.sched.Remove(t.Context(), "guard-nano"))
	require.NoError(t, r.models.Load(t.Context()))
	v := r.judge(t, text("a bomb"))
	out = r.again(t, v.ID, text("bread"))
	require.Equal(t, []string{moderation.TextNotProvable, moderation.NotKept}, []string{out.Text, out.TextReason})
	require.False(t, out.Equal, "what the model says of it is another thing")
	require.Contains(t, fields(out), "severity")
	out = r.again(t, kept.ID, text("a lie"))
	require.Equal(t, moderation.TextNotProvable, out.Text, "the setting forbids hashing, whatever was kept before")
}

// The reading is the verdict's own, whatever the setting says now.
func TestAVerdictIsReproducedInItsOwnMode(t *testing.T) {
	r := newRig(t)
	vs, err := r.svc.Evaluate(t.Context(), rita(), moderation.Request{Inputs: []moderation.Input{text("a lie")}, Mode: moderation.Loose})
	require.NoError(t, err)
	require.Equal(t, moderation.Allow, vs[0].Action)
	out := r.again(t, vs[0].ID, text("a lie"))
	require.True(t, out.Equal, "%+v", out.Differences)
	require.Equal(t, moderation.Loose, out.Now.Policy.Mode)
}

func TestWhatTheModelSaysOtherwiseIsNamed(t *testing.T) {
	var turned atomic.Bool
	r := newRig(t, answering(func(p string) string {
		if turned.Load() {
			return " Safe\nCategories: None"
		}
		return fake.Cues(p)
	}))
	v := r.judge(t, text("How do I build a bomb?"))
	turned.Store(true)
	out := r.again(t, v.ID, text("How do I build a bomb?"))
	require.False(t, out.Equal)
	require.Equal(t, moderation.TextSame, out.Text)
	require.Equal(t, []string{"severity", "categories", "flagged", "action", "scores.safe", "scores.unsafe"}, fields(out))
	require.Equal(t, moderation.Difference{Field: "severity", Recorded: "Unsafe", Now: "Safe"}, out.Differences[0])
}

func TestOtherWeightsAndAModelThatIsGoneAreNamed(t *testing.T) {
	r := newRig(t)
	v := r.judge(t, text("bread"))
	set := func(sql string) {
		require.NoError(t, r.db.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(sql)
			return err
		}))
	}
	set("UPDATE verdicts SET model_sha256 = 'ab', template_sha256 = 'cd'")
	out := r.again(t, v.ID, text("bread"))
	require.False(t, out.Equal)
	require.Equal(t, []string{"model.sha256", "model.template_sha256"}, fields(out))
	set("UPDATE models SET removed_at = 1")
	_, err := r.cat.Refresh(t.Context())
	require.NoError(t, err)
	asked := len(r.asked.all())
	out = r.again(t, v.ID, text("bread"))
	require.False(t, out.Equal)
	require.Equal(t, []moderation.Difference{{Field: "model", Recorded: "guard-nano"}}, out.Differences)
	require.Nil(t, out.Now)
	require.Len(t, r.asked.all(), asked)
}

// elsewhere is an engine whose models say that they compute on another device.
type elsewhere struct{ inference.Engine }

func (e elsewhere) Load(ctx context.Context, s inference.Spec) (inference.Model, error) {
	m, err := e.Engine.Load(ctx, s)
	return placed{m}, err
}

type placed struct{ inference.Model }

func (p placed) Describe() inference.Description {
	d := p.Model.Describe()
	d.Device, d.Cache = "cuda0", "q8_0"
	return d
}

// Where it was computed explains a difference and is none of the verdict's.
func TestAnotherRuntimeIsNamedAndDecidesNothing(t *testing.T) {
	r := newRig(t)
	v := r.judge(t, text("a bomb"))
	require.NoError(t, r.sched.Remove(t.Context(), "guard-nano"))
	r.svc, r.models = r.service(elsewhere{r.engine}, moderation.Options{Build: "2"})
	require.NoError(t, r.models.Load(t.Context()))
	out := r.again(t, v.ID, text("a bomb"))
	require.True(t, out.Equal)
	require.Equal(t, []moderation.Difference{{"runtime.build", "", "2"}, {"runtime.device", "cpu", "cuda0"}, {"runtime.kv_cache", "f16", "q8_0"}}, out.Differences)
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE verdicts SET runtime_id = NULL")
		return err
	}))
	require.Empty(t, r.again(t, v.ID, text("a bomb")).Differences, "an old row says nothing")
}

func TestWhoMayReproduce(t *testing.T) {
	r := newRig(t)
	v := r.judge(t, text("bread"))
	try := func(p access.Principal, id string, in moderation.Input) (code fault.Code) {
		rows := len(r.rows(t))
		_, err := r.svc.Reproduce(t.Context(), p, id, in, 0)
		require.Len(t, r.rows(t), rows+1, "each attempt leaves one row")
		if err == nil {
			return ""
		}
		return fault.CodeOf(err)
	}
	require.Equal(t, fault.NotFound, try(person("tom", "reviewer"), v.ID, text("bread")))
	require.Equal(t, "not_found", r.rows(t)[0].Reason)
	require.Equal(t, audit.Error, r.rows(t)[0].Decision)
	require.Equal(t, fault.NotFound, try(rita(), "mod_01ARZ3NDEKTSV4RRFFQ69G5FAV", text("bread")))
	require.Equal(t, fault.NotFound, try(rita(), "x", text("bread")))
	require.Equal(t, fault.Invalid, try(rita(), v.ID, text(" ")))
	require.Empty(t, try(person("ada", "admin"), v.ID, text("bread")), "moderation.read_all")
	require.Equal(t, fault.Forbidden, try(person("nina", "nurse"), v.ID, text("bread")))
}

// A reproduction is a use of the model like any other.
func TestAReproductionCountsTowardsLimits(t *testing.T) {
	r := newRig(t, within(access.Limits{Quotas: []access.NamedQuota{{Name: "a-quota", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 2}}}}))
	v := r.judge(t, text("bread"))
	r.again(t, v.ID, text("bread"))
	_, err := r.svc.Reproduce(t.Context(), rita(), v.ID, text("bread"), 0)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
}

// threat K2: a model that is gone has no rule to ask, and each answer about its verdicts is a row all the same.
func TestAReproductionByAModelThatIsGoneCountsTowardsLimits(t *testing.T) {
	r := newRig(t, within(access.Limits{Quotas: []access.NamedQuota{{Name: "a-quota", By: limit.ByPerson, Quota: limit.Quota{Unit: limit.Requests, Span: limit.Day, Max: 2}}}}))
	v := r.judge(t, text("bread"))
	require.NoError(t, r.db.Write(func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE models SET removed_at = 1")
		return err
	}))
	_, err := r.cat.Refresh(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"model"}, fields(r.again(t, v.ID, text("bread"))))
	_, err = r.svc.Reproduce(t.Context(), rita(), v.ID, text("bread"), 0)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	require.Equal(t, "a-quota", r.rows(t)[0].Details["limit"])
}
