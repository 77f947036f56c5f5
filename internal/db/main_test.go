package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"guardhouse/internal/db"
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

// child plays another process.
func child(role, path string) error {
	switch role {
	case "full":
		return childFull(path)
	case "migrate":
		return childMigrate(path)
	case "room":
		return childRoom(path)
	case "snapshot":
		return childSnapshot(path)
	}
	return fmt.Errorf("unknown role %q", role)
}

// childMigrate waits for its input to end, so that many start at one moment, and prints what it ran.
func childMigrate(path string) error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	d, err := db.Open(context.Background(), db.Options{Path: path})
	if err != nil {
		return err
	}
	applied, err := d.Migrate(context.Background())
	fmt.Print(strings.Join(applied, " "))
	return errors.Join(err, d.Close())
}

// childSnapshot makes a copy, says where, and waits to be killed.
func childSnapshot(path string) error {
	d, err := db.Open(context.Background(), db.Options{Path: path})
	if err != nil {
		return err
	}
	s, err := d.Snapshot(context.Background())
	if err != nil {
		return err
	}
	fmt.Println(s.Path)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
