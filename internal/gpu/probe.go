package gpu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// Deadline bounds a probe: a driver that has to wake several boards takes seconds, one that hangs takes for ever.
	Deadline = 30 * time.Second
	maxSaid  = 300
	most     = 16 // devices: ggml's own bound
)

// Report is what the child answers: the devices that computed. None is no failure of the child.
type Report struct {
	Devices []Device `json:"devices"`
}

// Ended is how the child ended.
type Ended struct {
	Stdout []byte // a Report
	Stderr []byte // what the library said
	Exit   int
	Signal syscall.Signal // 0 = none
	Late   bool           // it was ended at the deadline
}

// Run starts the child that tries a library. The files are its descriptors from 3 on. An error says that it was not started.
type Run func(ctx context.Context, files []*os.File, deadline time.Duration) (Ended, error)

// Probe tries the library in a child process and answers the devices that computed. Where there are none the error says why,
// in one line: no driver, no device, a crash, a hang, another architecture.
func Probe(ctx context.Context, l *Library, deadline time.Duration, run Run) ([]Device, error) {
	ended, err := run(ctx, l.Files, deadline)
	if err != nil {
		return nil, fmt.Errorf("the GPU probe was not started: %w", err)
	}
	said := l.meaning(words(ended.Stderr))
	switch {
	case ended.Late:
		return nil, fmt.Errorf("the GPU probe did not end within %s%s", deadline, said)
	case ended.Signal != 0:
		return nil, fmt.Errorf("the GPU probe died of signal %d (%s)%s", int(ended.Signal), ended.Signal, said)
	case ended.Exit != 0:
		return nil, errors.New("the GPU library does not run here" + cmp.Or(said, fmt.Sprintf(": exit status %d", ended.Exit)))
	}
	var r Report
	if err := json.Unmarshal(ended.Stdout, &r); err != nil {
		return nil, fmt.Errorf("the GPU probe's answer: %w", err)
	}
	if len(r.Devices) == 0 {
		return nil, errors.New("the GPU library sees no device" + said)
	}
	for i := range r.Devices {
		r.Devices[i].Description = cmp.Or(clip(r.Devices[i].Description), clip(r.Devices[i].Name), "unnamed")
	}
	return r.Devices[:min(len(r.Devices), most)], nil
}

// words answers the line that says what went wrong: the first that speaks of an error, else the last.
func words(text []byte) (last string) {
	for line := range strings.Lines(string(text)) {
		line = clip(line)
		if lower := strings.ToLower(line); strings.Contains(lower, "error") || strings.Contains(lower, "fail") || strings.Contains(lower, "cannot open") {
			return line
		}
		last = cmp.Or(line, last)
	}
	return last
}

// clip keeps what a library says on one line.
func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.ToValidUTF8(s[:min(len(s), maxSaid)], "?")
}

// meaning answers what the library's words mean, behind a colon.
func (l *Library) meaning(said string) string {
	switch {
	case said == "":
		return ""
	case strings.Contains(said, "libcuda.so"):
		return ": no NVIDIA driver is installed (" + said + ")"
	case strings.Contains(said, "no kernel image"):
		return ": it was built for architectures " + l.Architectures + " and not for this GPU (" + said + ")"
	case strings.Contains(said, "driver version is insufficient"):
		return ": the NVIDIA driver is too old for CUDA " + l.Toolkit + " (" + said + ")"
	}
	return ": " + said
}
