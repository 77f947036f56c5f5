package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

// row is the table verdicts joined with the audit row.
type row struct {
	ID             string
	AuditSeq       int64
	RequestID      string
	CreatedAt      int64
	ActorType      string
	ActorID        string
	ActorName      string
	ModelID        string
	ModelSHA256    string `gorm:"column:model_sha256"`
	Quantization   string
	TemplateSHA256 string `gorm:"column:template_sha256"`
	PolicyVersion  int64
	Mode           string
	Severity       string
	Categories     string
	Refusal        *bool
	Flagged        bool
	Action         string
	ScoreSafe      float64
	ScoreContro    float64
	ScoreUnsafe    float64
	ScoreOther     float64
	Cached         bool
	QueueUS        int64 `gorm:"column:queue_us"`
	ModelUS        int64 `gorm:"column:model_us"`
	TotalUS        int64 `gorm:"column:total_us"`
	PromptTokens   int
	Passes         int
	Windows        int
	DecidingWindow int
	AuditID        string
	AuditHash      string
	RuntimeBuild   *string // nil in old rows, as what follows
	RuntimeEngine  string
	RuntimeDevice  string
	RuntimeKernels string
	RuntimeFlash   bool
	RuntimeKVCache string `gorm:"column:runtime_kv_cache"`
}

// shown are a verdict's columns with those of its audit row and of what computed it, and whence are their tables.
const (
	shown = `v.*, a.id AS audit_id, a.hash AS audit_hash, r.build AS runtime_build, coalesce(r.engine, '') AS runtime_engine,
		coalesce(r.device, '') AS runtime_device, coalesce(r.kernels, '') AS runtime_kernels, coalesce(r.flash, 0) AS runtime_flash,
		coalesce(r.kv_cache, '') AS runtime_kv_cache`
	whence = "JOIN audit_events AS a ON a.seq = v.audit_seq LEFT JOIN runtimes AS r ON r.id = v.runtime_id"
)

// query is a filter with the decision of who may read what: owner "" is everybody, and a key that is
// narrowed to models reads of no other.
type query struct {
	HistoryFilter
	models            []string
	owner, id, before string
	limit             int
}

func (s *Service) find(ctx context.Context, q query) ([]HistoryRow, error) {
	tx := s.d.DB.Read(ctx).Table("verdicts AS v").
		Select(shown).Joins(whence).
		Order("v.id DESC").Limit(q.limit)
	for _, w := range q.conditions() {
		tx = tx.Where(w.sql, w.args...)
	}
	var rows []row
	if err := tx.Find(&rows).Error; err != nil {
		return nil, db.Translate(err)
	}
	out := make([]HistoryRow, len(rows))
	for i, r := range rows {
		h, err := r.history()
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}

// narrowed answers "one of these models", where a name may hold '*'. What else GLOB would read as a
// pattern stands in brackets.
func narrowed(models []string) condition {
	plain := strings.NewReplacer("[", "[[]", "?", "[?]")
	named := make([]any, len(models))
	for i, m := range models {
		named[i] = plain.Replace(m)
	}
	return condition{"(v.model_id GLOB ?" + strings.Repeat(" OR v.model_id GLOB ?", len(models)-1) + ")", named}
}

type condition struct {
	sql  string
	args []any
}

func (q query) conditions() []condition {
	var all []condition
	add := func(given bool, sql string, arg any) {
		if given {
			all = append(all, condition{sql, []any{arg}})
		}
	}
	add(q.owner != "", "v.owner_id = ?", q.owner)
	add(q.id != "", "v.id = ?", q.id)
	add(q.before != "", "v.id < ?", q.before)
	add(q.Severity != "", "v.severity = ?", q.Severity)
	add(q.Action != "", "v.action = ?", q.Action)
	add(q.Model != "", "v.model_id = ?", q.Model)
	add(q.RequestID != "", "v.request_id = ?", q.RequestID)
	if q.Flagged != nil {
		add(true, "v.flagged = ?", *q.Flagged)
	}
	add(!q.From.IsZero(), "v.created_at >= ?", ceilMilli(q.From))
	add(!q.To.IsZero(), "v.created_at < ?", ceilMilli(q.To))
	if len(q.models) > 0 {
		all = append(all, narrowed(q.models))
	}
	return all
}

// ceilMilli is the first whole millisecond at or after t, so that a moment between two stored ones
// neither takes in the one before it nor leaves out the one after.
func ceilMilli(t time.Time) int64 {
	return t.Add(time.Millisecond - time.Nanosecond).UnixMilli()
}

func (r row) history() (HistoryRow, error) {
	names := []string{}
	if err := json.Unmarshal([]byte(r.Categories), &names); err != nil {
		return HistoryRow{}, fmt.Errorf("reading the categories of %s: %w", r.ID, err)
	}
	return HistoryRow{
		Verdict: Verdict{
			ID: r.ID, CreatedAt: time.UnixMilli(r.CreatedAt).UTC(), RequestID: r.RequestID, Severity: r.Severity,
			Categories: names, Refusal: r.Refusal, Flagged: r.Flagged, Action: r.Action,
			Scores: Scores{Safe: r.ScoreSafe, Controversial: r.ScoreContro, Unsafe: r.ScoreUnsafe, Other: r.ScoreOther},
			Model:  ModelRef{ID: r.ModelID, SHA256: r.ModelSHA256, Quantization: r.Quantization, TemplateSHA256: r.TemplateSHA256},
			Policy: PolicyRef{Version: r.PolicyVersion, Mode: r.Mode}, Runtime: r.runtime(), Cached: r.Cached, AuditHash: r.AuditHash,
			Timings: Timings{
				QueueMS: float64(r.QueueUS) / 1e3, ModelMS: float64(r.ModelUS) / 1e3, TotalMS: float64(r.TotalUS) / 1e3,
				PromptTokens: r.PromptTokens, Passes: r.Passes, Windows: r.Windows,
			},
			DecidingWindow: r.DecidingWindow,
		},
		Actor:    audit.Actor{Type: r.ActorType, ID: r.ActorID, Name: r.ActorName},
		AuditSeq: r.AuditSeq, AuditID: r.AuditID,
	}, nil
}

func (r row) runtime() *RuntimeRef {
	if r.RuntimeBuild == nil {
		return nil
	}
	return &RuntimeRef{
		Build: *r.RuntimeBuild, Engine: r.RuntimeEngine, Device: r.RuntimeDevice, Kernels: r.RuntimeKernels, Flash: r.RuntimeFlash, KVCache: r.RuntimeKVCache,
	}
}

// ofMany says whether an audit row has several verdicts.
func (s *Service) ofMany(ctx context.Context, auditSeq int64) (many bool, err error) {
	err = s.d.DB.ReadSQL().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM verdicts WHERE audit_seq = ? AND item > 0)`, auditSeq).Scan(&many)
	return many, db.Translate(err)
}
