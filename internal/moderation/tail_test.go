package moderation_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
	"guardhouse/internal/moderation"
)

// TestTailIsTheHistoryWithItsOwners: row by row what the list has, and Sight decides as the list does.
func TestTailIsTheHistoryWithItsOwners(t *testing.T) { // threat Z3
	r, byRita, byTom := past(t)
	tail, complete, err := r.svc.Tail(t.Context(), 0, 1<<40)
	require.NoError(t, err)
	require.EqualValues(t, 1<<40, complete)
	require.Len(t, tail, len(byRita)+len(byTom))
	narrowed := rita()
	narrowed.Kind, narrowed.KeyID, narrowed.KeyModels = access.KindKey, "key_2", []string{"another-*"}
	for name, p := range map[string]access.Principal{
		"reviewer": rita(), "admin": person("ada", "admin"), "nurse": person("nora", "nurse"), "narrowed key": narrowed, "nobody": {},
	} {
		want := []moderation.HistoryRow{}
		if page, err := r.svc.History(t.Context(), p, moderation.HistoryFilter{}); err == nil {
			want = append(want, page.Items...)
		}
		got, sight := []moderation.HistoryRow{}, r.svc.Sight(t.Context(), p)
		for i := range tail {
			if row := tail[len(tail)-1-i]; sight.Sees(row.Owner, row.Model.ID) {
				got = append(got, row.HistoryRow)
			}
		}
		require.Equal(t, want, got, name)
	}
	require.False(t, moderation.Sight{}.Sees("", ""), "the zero value sees nothing")
	part, _, err := r.svc.Tail(t.Context(), tail[0].AuditSeq, tail[1].AuditSeq)
	require.NoError(t, err)
	require.Equal(t, tail[1:2], part)
}

// TestTailIsBoundedAndNeverCutsARow: more than it answers at once comes in parts, each of whole audit rows.
func TestTailIsBoundedAndNeverCutsARow(t *testing.T) {
	r := newRig(t)
	first := plant(t, r, 20, 250)
	var seen int
	for at := first - 1; at < first+19; {
		rows, complete, err := r.svc.Tail(t.Context(), at, first+19)
		require.NoError(t, err)
		require.LessOrEqual(t, len(rows), 16*moderation.MaxInputs)
		require.Greater(t, complete, at, "it goes on")
		require.Len(t, rows, int(complete-at)*250, "whole rows")
		for i, row := range rows {
			require.Equal(t, at+1+int64(i/250), row.AuditSeq)
		}
		seen, at = seen+len(rows), complete
	}
	require.Equal(t, 5000, seen)
}

// plant writes audit rows with so many verdicts each and answers the number of the first.
func plant(t *testing.T, r *rig, rows, each int) (first int64) {
	t.Helper()
	log := audit.New(r.db, []byte("content key of a test"))
	for range rows {
		require.NoError(t, r.db.Write(func(tx *db.Tx) error {
			ev, err := log.Append(tx, audit.Entry{Actor: audit.Actor{Type: "user"}, Action: "moderation.run", Decision: audit.Allow})
			for i := range each {
				if err != nil {
					return err
				}
				_, err = tx.Exec(`INSERT INTO verdicts (id, audit_seq, item, request_id, created_at, owner_id, actor_type, actor_id,
					actor_name, model_id, model_sha256, quantization, template_sha256, policy_version, mode, severity, categories, flagged,
					action, score_safe, score_contro, score_unsafe, score_other, cached, queue_us, model_us, total_us, prompt_tokens,
					passes, windows) VALUES (?, ?, ?, '', 0, 'usr_1', 'user', 'usr_1', 'x', 'm', '', '', '', 1, 'strict', 'Safe', '[]', 0,
					'allow', 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)`, fmt.Sprintf("mod_%026d", ev.Seq*1000+int64(i)), ev.Seq, i)
			}
			if first == 0 {
				first = ev.Seq
			}
			return err
		}))
	}
	return first
}
