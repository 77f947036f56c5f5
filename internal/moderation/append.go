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
score_safe, score_contro, score_unsafe, score_other, cached, queue_us, model_us, total_us, prompt_tokens, passes, windows, deciding_window, runtime_id)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`

// insertVerdicts writes one row per verdict beside the audit row ev, in the same transaction; runtime is the number of what
// computed them. This is the hot path of the product: one statement, prepared once.
func insertVerdicts(tx *db.Tx, ev audit.Event, p access.Principal, vs []Verdict, runtime int64) error {
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
			v.Timings.PromptTokens, v.Timings.Passes, v.Timings.Windows, v.DecidingWindow, runtime,
		)
		if err != nil {
			return db.Translate(err)
		}
	}
	return nil
}

func micros(ms float64) int64 { return int64(ms*1e3 + 0.5) }

// internRuntime answers the number of r's row, which it makes where there is none.
func internRuntime(tx *db.Tx, r RuntimeRef) (id int64, err error) {
	args := []any{r.Build, r.Engine, r.Device, r.Kernels, r.Flash, r.KVCache}
	if _, err := tx.Exec(`INSERT INTO runtimes (build, engine, device, kernels, flash, kv_cache) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING`, args...); err != nil {
		return 0, db.Translate(err)
	}
	err = tx.QueryRow(`SELECT id FROM runtimes WHERE build = ? AND engine = ? AND device = ? AND kernels = ? AND flash = ? AND kv_cache = ?`, args...).Scan(&id)
	return id, db.Translate(err)
}
