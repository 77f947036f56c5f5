package moderation

import (
	"context"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/catalog"
	"guardhouse/internal/fault"
)

// What a reproduction says of the text that it was given.
const (
	TextSame        = "same"         // the content hash says so
	TextOther       = "other"        // it says that this is another text: the model was not asked
	TextNotProvable = "not_provable" // there is no hash of this text alone
)

// Why a text cannot be proved.
const (
	NotKept = "not_kept" // moderation.keep_content was none
	OfMany  = "of_many"  // one hash covers all inputs of an array
)

// Reproduction is what came of judging the text of a recorded verdict again. Equal says that the same bytes of the same model said
// the same of it, scores within Tolerance; what else is another than it was stands in Differences and decides nothing. Now is nil
// where the model was not asked, because the text is another or the model is gone.
type Reproduction struct {
	ID          string       `json:"id"` // the verdict's
	Equal       bool         `json:"equal"`
	Text        string       `json:"text"`
	TextReason  string       `json:"text_reason,omitempty"` // only where Text is TextNotProvable
	Differences []Difference `json:"differences"`
	Tolerance   float64      `json:"tolerance"`
	Now         *Rejudged    `json:"now"`
	At          time.Time    `json:"created_at"`
	AuditID     string       `json:"audit_id"`
	AuditHash   string       `json:"audit_hash"`
}

// Rejudged is what a model says once more: a verdict's members without its place in the log.
type Rejudged struct {
	Severity       string     `json:"severity"`
	Categories     []string   `json:"categories"`
	Refusal        *bool      `json:"refusal"`
	Flagged        bool       `json:"flagged"`
	Action         string     `json:"action"`
	Scores         Scores     `json:"scores"`
	Model          ModelRef   `json:"model"`
	Policy         PolicyRef  `json:"policy"`
	Runtime        RuntimeRef `json:"runtime"`
	Timings        Timings    `json:"timings"`
	DecidingWindow int        `json:"deciding_window"`
}

// Reproduce judges in, which should be what the verdict of that id was about, once more: by the model of that name, in the mode of
// the verdict, past everything that is remembered. It refuses an id that Get does not answer to p, what Evaluate refuses, and
// leaves one audit row whatever comes of it; no verdict is recorded.
func (s *Service) Reproduce(ctx context.Context, p access.Principal, id string, in Input, within time.Duration) (out Reproduction, err error) {
	start, tuning := s.o.Now(), s.tuning.Load()
	ctx, cancel := bound(ctx, tuning.Deadline, within)
	defer cancel()
	r := Request{Inputs: []Input{in}, Within: within}
	op := access.Op{Action: access.ModerationRun, Operation: access.Infer, Items: 1, Content: s.content(r)}
	row, err := s.Get(ctx, p, id)
	if err == nil {
		op.Resource, op.Model, op.ModelSHA256 = "moderation:"+row.ID, row.Model.ID, row.Model.SHA256
		err = r.check()
	}
	if err != nil {
		return out, s.reject(ctx, p, op, err)
	}
	held, err := s.d.Models.Take(ctx, catalog.KindGuard, row.Model.ID)
	switch {
	case fault.CodeOf(err) == fault.NotFound || err == nil && held.Model.ID != row.Model.ID: // an alias is not the model
		op.Operation, op.Counted = "", true // there is none to be used, and limits hold all the same
	case err != nil:
		return out, s.reject(ctx, p, op, err)
	default:
		op.ModelSHA256 = held.Model.SHA256
	}
	if held != nil {
		defer held.Done()
	}
	j := &job{s: s, held: held, start: start, tuning: tuning, mode: row.Policy.Mode, fresh: true}
	if op.Operation == access.Infer {
		op.Price = func(ctx context.Context) access.Cost { return j.price(ctx, p.Account(), r.Inputs) }
	}
	pass, enterErr := s.d.Guard.Enter(ctx, p, op)
	if enterErr != nil {
		return out, enterErr
	}
	defer pass.Close(&err)
	j.pass = pass
	out = Reproduction{ID: row.ID, Tolerance: scoreTolerance}
	if out.Text, out.TextReason, err = s.holds(ctx, row, op.Content); err != nil {
		return Reproduction{}, err
	}
	if op.Operation == access.Infer && out.Text != TextOther {
		if out.Now, err = j.again(ctx, r.Inputs); err != nil {
			return Reproduction{}, err
		}
	}
	return j.reproduced(ctx, out, row.Verdict)
}

// again answers what the model says now.
func (j *job) again(ctx context.Context, inputs []Input) (*Rejudged, error) {
	if err := j.judge(ctx, inputs); err != nil {
		return nil, err
	}
	v := j.rejudged(0)
	return &v, nil
}

// holds answers whether the content is that of the row's event.
func (s *Service) holds(ctx context.Context, row HistoryRow, content [][]byte) (text, reason string, err error) {
	if content == nil { // the setting forbids even a hash: nothing is hashed for it
		return TextNotProvable, NotKept, nil
	}
	if many, err := s.ofMany(ctx, row.AuditSeq); err != nil || many {
		return TextNotProvable, OfMany, err
	}
	held, err := s.d.Audit.Holds(ctx, row.AuditID, content)
	switch {
	case err != nil:
		return "", "", err
	case held == audit.HeldSame:
		return TextSame, "", nil
	case held == audit.HeldOther:
		return TextOther, "", nil
	}
	return TextNotProvable, NotKept, nil
}

// reproduced compares, and writes the row.
func (j *job) reproduced(ctx context.Context, out Reproduction, was Verdict) (Reproduction, error) {
	switch {
	case out.Text == TextOther:
		out.Differences = []Difference{{Field: "text"}}
	case out.Now == nil:
		out.Differences = []Difference{{Field: "model", Recorded: was.Model.ID}}
	default:
		out.Differences, out.Equal = differences(was, *out.Now)
	}
	fields := make([]any, len(out.Differences))
	for i, d := range out.Differences {
		fields[i] = d.Field
	}
	said := map[string]any{"reproduces": out.ID, "equal": out.Equal, "text": out.Text, "differences": fields}
	ev, err := j.pass.Commit(ctx, access.Outcome{Details: said}, nil)
	if err != nil {
		return Reproduction{}, err
	}
	out.At, out.AuditID, out.AuditHash = ev.At, ev.ID, ev.Hash
	return out, nil
}
