// Package doctor looks at a machine and a data folder and says what is right, what is doubtful and what is wrong, each with
// what to do about it. It changes nothing: no file is made or touched in the data folder, no lock is taken that a server
// would meet, no port is opened. It works beside a running server, without one, and on a folder that is broken. It may
// import audit, catalog, db, fault, gpu, inference, isa, sandbox and verify; settings reach it as plain values.
package doctor

import (
	"context"
	"strings"
	"time"
	"unicode"

	"guardhouse/internal/gpu"
	"guardhouse/internal/inference"
	"guardhouse/internal/isa"
	"guardhouse/internal/sandbox"
)

// Status is how a check ended.
type Status string

// OK needs nothing, Warn should be looked at, Fail keeps the server from working or its data from being safe.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one line of the report.
type Check struct {
	Name   string   `json:"name"`
	Status Status   `json:"status"`
	Detail string   `json:"detail"`
	Do     string   `json:"do,omitempty"`
	Notes  []string `json:"notes,omitempty"`
	// Code names the finding for whoever has words of his own for it, Params are its values: strings and numbers. Command is
	// what Do says, where that is one line to run.
	Code    string         `json:"code"`
	Params  map[string]any `json:"params,omitempty"`
	Command string         `json:"command,omitempty"`
}

// Report is what was found, in a fixed order.
type Report struct {
	OK     bool    `json:"ok"` // nothing failed
	Checks []Check `json:"checks"`
}

// Port is an address that the server is to listen on.
type Port struct{ Setting, Address string }

// Options says what to look at. Proc, Sys and Dev are where the kernel
// tells about itself; "" means its usual places.
type Options struct {
	Data       string
	ModelsDir  string
	Cert, Key  string // given files, "" = those in the data folder
	LogFile    string
	SecretFile []string // files named by settings that hold secrets
	Anchor     string   // audit.anchor, "" for the data folder's own
	// AnchorSilent says that the folder is known not to answer: it is not asked again.
	AnchorSilent bool
	Ports        []Port
	RulesFile    string       // acl.file, "" without one
	Rules        func() error // what is wrong with it
	Exports      func() error // what is wrong with audit.export_dir
	Plain        bool         // no TLS
	Settings     error
	// Stored answers which values that the console stored can't be in force, and why. nil = they are not looked at.
	Stored  func(values map[string]string) map[string]error
	Unknown []string // variables that look like settings and are none
	Environ []string
	Deep    bool // the whole audit chain instead of its end
	// Running says that this process is the server of the folder. Then its database is not opened as a file beside SQLite, whose
	// locks the kernel would take away from the whole process when that file is closed.
	Running bool
	// HashMost is the largest model whose bytes are hashed; 0 = all.
	HashMost int64
	Now      func() time.Time
	// Kernels are those that the engine computes with here, and those it would choose itself; "" where nobody asked it.
	Kernels, KernelsAuto string
	// GPU answers what this machine has for models to run on; nil = nobody can be asked. GPUDir is where its library would be.
	GPU    func(context.Context) (*gpu.Host, error)
	GPUDir string
	// Guards answers what holds a child in which a model is tried; nil = nobody can be asked.
	Guards func(context.Context) (sandbox.Guards, error)
	// Engine loads the default guard to see how it would be laid out, with Spec's settings; nil = it is not tried.
	// Spec.SlotTokens is the most text of one query.
	Engine inference.Engine
	Spec   inference.Spec
	// States answers how the server that runs on the folder has its models; nil = it is not asked.
	States func() ([]ModelState, error)

	Sets                 []isa.Set // nil: this binary's and this processor's
	Proc, Sys, Dev, Temp string
}

// doctor collects the report.
type doctor struct {
	o      Options
	report Report
	copied *copied
	most   int64 // of a database that is copied to be looked at; 0 = copyMost
}

// Run looks at everything. It never fails as a whole: what cannot be looked at is a check that says so.
func Run(ctx context.Context, o Options) Report {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the clock, where none was handed in
	}
	for _, d := range []struct{ field, usual *string }{
		{&o.Proc, ptr("/proc")}, {&o.Sys, ptr("/sys")}, {&o.Dev, ptr("/dev")},
	} {
		if *d.field == "" {
			*d.field = *d.usual
		}
	}
	d := &doctor{o: o, report: Report{OK: true}}
	for _, c := range []struct {
		name string
		look func(context.Context)
	}{
		{"settings", d.settings},
		{"environment", d.environment},
		{"data folder", d.folder},
		{"files", d.files},
		{"rules file", d.rules},
		{"disk", d.disk},
		{"certificate", d.certificate},
		{"clock", d.clock},
		{"database", d.database},
		{"ports", d.ports},
		{"processor", d.processor},
		{"memory", d.memory},
		{"gpu", d.gpu},
		{"sandbox", d.sandbox},
	} {
		if ctx.Err() == nil {
			c.look(ctx)
		} else {
			d.late(c.name)
		}
	}
	return d.report
}

// late says that there was no time to look, which is neither good nor bad news.
func (d *doctor) late(name string) {
	d.warn(name, "there was no time to look", "run guardhouse doctor, which takes the time it needs").as("late").run(d.guardhouse("doctor"))
}

// tooLate says of a check that failed whether it did for want of time.
func (d *doctor) tooLate(ctx context.Context, name string) bool {
	if ctx.Err() == nil {
		return false
	}
	d.late(name)
	return true
}

func ptr(s string) *string { return &s }

func (d *doctor) ok(name, detail string, notes ...string) line {
	return d.add(Check{Name: name, Status: OK, Detail: detail, Notes: notes})
}

func (d *doctor) warn(name, detail, do string) line {
	return d.add(Check{Name: name, Status: Warn, Detail: detail, Do: do})
}

func (d *doctor) fail(name, detail, do string) line {
	return d.add(Check{Name: name, Status: Fail, Detail: detail, Do: do})
}

// line is the check that was just added.
type line struct{ c *Check }

// as names the finding and its values: names and values by turns.
func (l line) as(code string, values ...any) line {
	l.c.Code = code
	for i := 0; i+1 < len(values); i += 2 {
		key, _ := values[i].(string)
		if text, ok := values[i+1].(string); ok {
			values[i+1] = clean(text)
		}
		if l.c.Params == nil {
			l.c.Params = map[string]any{}
		}
		l.c.Params[key] = values[i+1]
	}
	return l
}

// guardhouse is a line that runs one of our own commands on the folder.
func (d *doctor) guardhouse(command string) string {
	return "guardhouse " + command + " --data " + shell(d.o.Data)
}

// run says which line to run.
func (l line) run(command string) { l.c.Command = clean(command) }

func (d *doctor) add(c Check) line {
	c.Detail, c.Do = clean(c.Detail), clean(c.Do)
	for i := range c.Notes {
		c.Notes[i] = clean(c.Notes[i])
	}
	if c.Status == Fail {
		d.report.OK = false
	}
	d.report.Checks = append(d.report.Checks, c)
	return line{&d.report.Checks[len(d.report.Checks)-1]}
}

// clean keeps file names and causes on one line and out of the terminal's language (threat W3).
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// settings says whether the server would take them.
func (d *doctor) settings(context.Context) {
	if err := d.o.Settings; err != nil {
		d.fail("settings", err.Error(), "correct it; guardhouse serve --print-config shows what is in force").as("settings_refused", "error", err.Error()).run("guardhouse serve --print-config")
		return
	}
	d.ok("settings", "the server would take them").as("settings")
}
