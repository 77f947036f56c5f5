package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"guardhouse/internal/db"
	"guardhouse/internal/evidence"
)

// servingFile is what the server of a data folder leaves there for commands beside it: what it runs with, secrets out. The server
// holds a lock on the very file, so one that a killed server left is none.
const servingFile = "serving.json"

// mostServing bounds what is read of it.
const mostServing = 16 << 20

// serving is the file of the server that this process is.
type serving struct {
	a       *App
	held    *os.File
	version int64 // of the settings that it tells
}

// leave writes the file for the first time, and answers what takes it away.
func (a *App) leave(ctx context.Context) (*serving, error) {
	s := &serving{a: a}
	if err := s.write(ctx); err != nil {
		return nil, fmt.Errorf("writing down what the server runs with: %w", err)
	}
	return s, nil
}

// keep writes the file anew whenever other settings are in force, until ctx ends. One that can't be written is taken away: commands
// say nothing rather than what was.
func (s *serving) keep(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !failing && s.a.Settings.Version() == s.version {
			continue
		}
		err := s.write(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.a.log.Error("writing down what the server runs with", "err", errors.Join(err, s.end()))
		}
		failing = err != nil
	}
}

// write puts a new file, which is locked already, in the place of the one before.
func (s *serving) write(ctx context.Context) (err error) {
	version := s.a.Settings.Version()
	now, err := s.a.own(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	path := filepath.Join(s.a.Config.Data, servingFile)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path+".new"), f.Close())
		}
	}()
	if err := db.MatchOwner(path+".new", s.a.Config.Data); err != nil {
		return err
	}
	if mine, err := tryFlock(f, unix.LOCK_EX); err != nil || !mine {
		return errors.Join(errors.New("the file is locked by somebody"), err)
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	old := s.held
	s.held, s.version = f, version
	if old != nil {
		return old.Close()
	}
	return nil
}

// end takes the file away.
func (s *serving) end() error {
	err := os.Remove(filepath.Join(s.a.Config.Data, servingFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if s.held != nil {
		err = errors.Join(err, s.held.Close())
		s.held = nil
	}
	return err
}

// served answers what the server of a data folder runs with; found is false where none runs.
func served(data string) (in evidence.InForce, found bool, err error) {
	path := filepath.Join(data, servingFile)
	for {
		text, at, err := readServing(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return in, false, nil
		case err != nil:
			return in, false, fmt.Errorf("reading what the server runs with: %w", err)
		case text != nil:
			err := json.Unmarshal(text, &in)
			return in, err == nil, err
		}
		// Nobody holds it: the server is gone, or has put another one in its place since.
		now, err := os.Lstat(path)
		if err == nil && os.SameFile(at, now) {
			return in, false, nil
		}
	}
}

// readServing answers what a server has written, nil where none holds the file.
func readServing(path string) (text []byte, at fs.FileInfo, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if at, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	if free, err := tryFlock(f, unix.LOCK_SH); err != nil || free {
		return nil, at, err
	}
	text, err = io.ReadAll(io.LimitReader(f, mostServing))
	return text, at, err
}
