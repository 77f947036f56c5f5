package db_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test binary be started again as a child that plays another process.
func TestMain(m *testing.M) {
	if role := os.Getenv("GUARDHOUSE_DB_CHILD"); role != "" {
		if err := child(role, os.Getenv("GUARDHOUSE_DB_PATH")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
