package doctor

import (
	"fmt"
	"strings"

	"guardhouse/internal/catalog"
)

// ModelState is how the server that runs has a model, as it tells itself.
type ModelState struct {
	ID, State, Code, Reason string
	Default                 bool
}

// states names every model that the running server does not have ready, and why. It says nothing without a server, and nothing
// again of a file that told names.
func (d *doctor) states(told map[string]bool) {
	if d.o.States == nil || !d.served() {
		return
	}
	const name = "models"
	all, err := d.o.States()
	if err != nil {
		d.warn(name, "what the running server has noted of them cannot be read: "+err.Error(), "run this as the service's user, or restart the service: it notes it again").as("models_states_unread", "error", err.Error())
		return
	}
	for _, m := range all {
		switch {
		case m.State == catalog.StateFailed && told[m.ID] && strings.HasPrefix(m.Code, "file_"):
		case m.State == catalog.StateFailed:
			d.failed(name, m)
		case m.State == catalog.StateLoading:
			d.warn(name, m.ID+" is being loaded: it answers nobody yet", "look again when it has had the time; guardhouse model list says how far it is").
				as("model_loading", "model", m.ID).run(d.guardhouse("model list"))
		case m.State == catalog.StateUnloaded && m.Code == catalog.Idle:
			d.ok(name, m.ID+" is not in memory: nobody used it for long, and it comes back when somebody does").as("model_idle", "model", m.ID)
		case m.State == catalog.StateUnloaded:
			d.ok(name, m.ID+" is not in memory: somebody unloaded it, and guardhouse model load "+m.ID+" brings it back").as("model_unloaded", "model", m.ID)
		}
	}
}

// failed tells of a model that the server could not load or does not trust. Without the default guard nothing is judged.
func (d *doctor) failed(name string, m ModelState) {
	say := d.warn
	if m.Default {
		say = d.fail
	}
	l := say(name, fmt.Sprintf("%s is not in use (%s): %s", m.ID, m.Code, m.Reason), mend(m)).as("model_failed", "model", m.ID, "reason", m.Code)
	if m.Code == catalog.NoMemory || m.Code == catalog.Broken {
		l.run(d.guardhouse("model load " + shell(m.ID)))
	}
}

// mend says what to do about a model that failed for a reason of the catalogue.
func mend(m ModelState) string {
	switch m.Code {
	case catalog.CanaryDrift:
		return "it judges nobody: find out what changed (kernels, device, memory, the file); if the new answers are right, record them with guardhouse model canary --record " + m.ID
	case catalog.FileChanged:
		return "it stays out of use: keep the file for a look at what happened, and import it again from its source"
	case catalog.FileMissing:
		return "import it again under the same id: it is loaded by itself"
	case catalog.FileWritable:
		return "its mode must be 0400 and its owner the service's user: importing it again does that"
	case catalog.NoMemory:
		return "unload another model, raise models.memory or set fewer slots (engine.slots), then load it again"
	case catalog.NoEngine:
		return "install the release of guardhouse for this machine"
	case catalog.FileRefused:
		return "fetch the file again from its source; if it stays so, it is not made for this engine"
	}
	return "the server's log says why; load it again when that is mended"
}
