package moderation

import (
	"encoding/json"
	"fmt"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

const insertSQL = `INSERT INTO verdicts (id, audit_seq, item, request_id, created_at, owner_id, actor_type, actor_id, actor_name,
model_id, model_sha256, quantization, template_sha256, policy_version, mode, severity, categories, refusal, flagged, action,
score_safe, score_contro, score_unsafe, score_other, cached, queue_us, model_us, total_us, prompt_tokens, passes, windows, deciding_window)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

// insertVerdicts writes one row per verdict beside the audit row ev, in the same transaction. This is
// the hot path of the product: one statement, prepared once.
func insertVerdicts(tx *db.Tx, ev audit.Event, p access.Principal, vs []Verdict) error {
	stmt, err := tx.Prepare(insertSQL)
	if err != nil {
		return db.Translate(err)
	}
	owner := ownerOf(p)
	for i, v := range vs {
		names, err := json.Marshal(v.Categories)
		if err != nil {
			return fmt.Errorf("encoding categories: %w", err)
		}
		_, err = stmt.Exec(
			v.ID, ev.Seq, i, v.RequestID, ev.At.UnixMilli(), owner, ev.Actor.Type, ev.Actor.ID, ev.Actor.Name,
			v.Model.ID, v.Model.SHA256, v.Model.Quantization, v.Model.TemplateSHA256, v.Policy.Version, v.Policy.Mode,
			v.Severity, string(names), v.Refusal, v.Flagged, v.Action,
			v.Scores.Safe, v.Scores.Controversial, v.Scores.Unsafe, v.Scores.Other, v.Cached,
			micros(v.Timings.QueueMS), micros(v.Timings.ModelMS), micros(v.Timings.TotalMS),
			v.Timings.PromptTokens, v.Timings.Passes, v.Timings.Windows, v.DecidingWindow,
		)
		if err != nil {
			return db.Translate(err)
		}
	}
	return nil
}

func micros(ms float64) int64 { return int64(ms*1e3 + 0.5) }
