package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"guardhouse/internal/audit"
	"guardhouse/internal/db"
)

var contentKey = []byte("content key of a test") //nolint:gochecknoglobals // a constant in all but type

// TestMain lets the test binary be started again as a child that plays another process.
func TestMain(m *testing.M) {
	if path := os.Getenv("GUARDHOUSE_AUDIT_CHILD"); path != "" {
		if err := child(path, os.Getenv("GUARDHOUSE_AUDIT_ROWS"), os.Getenv("GUARDHOUSE_AUDIT_WRITERS")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command starts the test binary as a child that appends rows (0: for ever) with a number of writers.
func command(ctx context.Context, path string, rows, writers int) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "GUARDHOUSE_AUDIT_CHILD="+path, "GUARDHOUSE_AUDIT_ROWS="+strconv.Itoa(rows),
		"GUARDHOUSE_AUDIT_WRITERS="+strconv.Itoa(writers))
	cmd.Stderr = os.Stderr
	return cmd
}

// child appends and prints the id of each row once it is acknowledged.
func child(path, rowsText, writersText string) error {
	rows, err := strconv.Atoi(rowsText)
	if err != nil {
		return err
	}
	writers, err := strconv.Atoi(writersText)
	if err != nil {
		return err
	}
	d, err := db.Open(context.Background(), db.Options{Path: path})
	if err != nil {
		return err
	}
	log := audit.New(d, contentKey)
	var mu sync.Mutex
	out := bufio.NewWriterSize(os.Stdout, 64)
	say := func(id string) error {
		mu.Lock()
		defer mu.Unlock()
		if _, err := fmt.Fprintln(out, id); err != nil {
			return err
		}
		return out.Flush()
	}
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for range writers {
		wg.Go(func() {
			for n := 0; rows == 0 || n < rows/writers; n++ {
				ev, err := log.Record(entry("child"))
				if err == nil {
					err = say(ev.ID)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return err
	}
	return d.Close()
}

func entry(name string) audit.Entry {
	return audit.Entry{
		Actor: audit.Actor{Type: "user", ID: "usr_" + name, Name: name}, Roles: []string{"reviewer"}, Action: "moderation.run",
		Operation: "infer", Model: "guard-nano", Decision: audit.Allow, IP: "192.0.2.7", RequestID: "req_" + name, PolicyVersion: 1,
		Content: [][]byte{[]byte("a text")},
	}
}
