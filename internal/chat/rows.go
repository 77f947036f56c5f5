package chat

import "guardhouse/internal/audit"

// opening is what is known of an answer since a row of it is durable.
func (t *turn) opening(ev audit.Event) Opening {
	m, d := t.asked.by.Model, t.asked.by.What
	return Opening{
		ID: t.id, RequestID: t.pass.Principal().Origin.RequestID, At: ev.At, PolicyVersion: t.pass.PolicyVersion(),
		Model:   ModelRef{ID: m.ID, SHA256: m.SHA256, Quantization: m.Quantization, TemplateSHA256: m.TemplateSHA256},
		Runtime: Runtime{Build: t.s.o.Build, Engine: d.Runtime, Device: d.Device, Kernels: d.Kernels, KVCache: d.Cache, Flash: d.Flash},
		AuditID: ev.ID, AuditHash: ev.Hash,
	}
}

// resource is how the audit log names an answer.
func (t *turn) resource() string { return "chat:" + t.id }

// details say what an answer came to, never what was said. Of a text that was broken off nobody says why it ended.
func (a *Answer) details() map[string]any {
	return map[string]any{"prompt_tokens": a.Usage.Prompt, "completion_tokens": a.Usage.Completion, "finish_reason": a.Finish}
}
