package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"guardhouse/internal/backup"
)

// TestMain lets the test binary be started again as a restore that is killed.
func TestMain(m *testing.M) {
	if role := os.Getenv("GUARDHOUSE_BACKUP_CHILD"); role != "" {
		if err := child(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child restores, or finishes a restore, and kills itself before a step. The signal leaves no time for anything.
func child(role string) error {
	at, err := strconv.Atoi(os.Getenv("GUARDHOUSE_BACKUP_STEP"))
	if err != nil {
		return err
	}
	step := func(string) error {
		if at--; at < 0 {
			return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), errors.New("still alive"))
		}
		return nil
	}
	data := os.Getenv("GUARDHOUSE_BACKUP_DATA")
	if role == "finish" {
		return backup.FinishWithStep(data, step)
	}
	r := restoration(os.Getenv("GUARDHOUSE_BACKUP_FILE"), data, backup.KeyOf(1)).WithStep(step)
	r.Replace = true
	_, err = backup.Restore(context.Background(), system(), r)
	return err
}
