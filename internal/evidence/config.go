package evidence

import (
	"context"
	"io"
	"time"

	"guardhouse/internal/catalog"
	"guardhouse/internal/export"
)

// Setting is one key in force and where its value comes from. Of a secret the value is "(hidden)".
type Setting struct {
	Key       string     `json:"key"`
	Value     string     `json:"value"`
	Source    string     `json:"source"`
	Secret    bool       `json:"secret"`
	ChangedAt *time.Time `json:"changed_at"` // where somebody stored it
	ChangedBy string     `json:"changed_by"`
	EventID   string     `json:"event_id"`
}

// Whose settings are in a pack.
const (
	OfServer  = "server"
	OfCommand = "command" // no server ran: those of the command that made the pack
)

// InForce is what a process runs with, since when, and what it is made of.
type InForce struct {
	Of       string
	Started  time.Time
	Settings []Setting
	Software Software
}

// Target is where the log is sent to. Address ends with the host: what follows it may be a secret.
type Target struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Address   string    `json:"address"`
	Transport string    `json:"transport"`
	Scope     string    `json:"scope"`
	State     string    `json:"state"`
	SentTo    int64     `json:"sent_to_seq"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// schedule is an export that the server makes by itself.
type schedule struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Format    export.Format     `json:"format"`
	Filter    map[string]string `json:"filter"`
	Every     export.Every      `json:"every"`
	At        string            `json:"at"`
	LastSeq   int64             `json:"last_seq"`
	Failures  int               `json:"failures"`
	CreatedAt *string           `json:"created_at"`
	CreatedBy string            `json:"created_by"`
}

// config writes what is set: keys with their sources, where the log is sent to, and exports at set times.
func (m *making) config(w io.Writer) error {
	o := &object{w: w}
	o.value("version", m.of.Software.Version)
	o.value("commit", m.of.Software.Commit)
	o.value("of", m.of.Of)
	o.value("started", moment(&m.of.Started))
	list(o, "settings", func(string) ([]Setting, string, error) { return m.of.Settings, "", nil })
	list(o, "forwarding", once(m.ctx, m.s.d.Targets))
	list(o, "schedules", func(string) ([]schedule, string, error) {
		all, err := m.s.d.Exports.Schedules(m.ctx)
		return each(all, scheduleOf), "", err
	})
	return o.end()
}

// once is a list that comes in one page.
func once[T any](ctx context.Context, all func(ctx context.Context) ([]T, error)) func(string) ([]T, string, error) {
	return func(string) ([]T, string, error) {
		items, err := all(ctx)
		return items, "", err
	}
}

func scheduleOf(s export.Schedule) schedule {
	return schedule{
		ID: s.ID, Name: s.Name, Format: s.Format, Filter: s.Filter, Every: s.Every, At: s.At, LastSeq: s.LastSeq, Failures: s.Failures,
		CreatedAt: moment(&s.CreatedAt), CreatedBy: s.CreatedBy,
	}
}

// model is a model of the catalogue; its hash is of the whole file.
type model struct {
	ID             string  `json:"id"`
	Kind           string  `json:"kind"`
	Origin         string  `json:"origin"`
	Architecture   string  `json:"architecture"`
	Quantization   string  `json:"quantization"`
	SHA256         string  `json:"sha256"`
	TemplateSHA256 string  `json:"template_sha256"`
	SizeBytes      int64   `json:"size_bytes"`
	ContextLength  int     `json:"context_length"`
	Default        bool    `json:"default"`
	CreatedAt      *string `json:"created_at"`
}

func (m *making) models(w io.Writer) error {
	o := &object{w: w}
	list(o, "models", func(string) ([]model, string, error) {
		all, err := m.s.d.Catalog.All(m.ctx)
		return each(all, modelOf), "", err
	})
	return o.end()
}

func modelOf(c catalog.Model) model {
	return model{
		ID: c.ID, Kind: c.Kind, Origin: c.Origin, Architecture: c.Architecture, Quantization: c.Quantization, SHA256: c.SHA256,
		TemplateSHA256: c.TemplateSHA256, SizeBytes: c.SizeBytes, ContextLength: c.ContextLength, Default: c.Default, CreatedAt: moment(&c.CreatedAt),
	}
}
