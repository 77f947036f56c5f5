package db

import (
	"context"
	"database/sql"
	"errors"

	sqlite3 "github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
	"gorm.io/gorm"

	"guardhouse/internal/fault"
)

// Translate turns a driver's or gorm's error into a fault by its code: a taken name or key is Conflict, a broken rule of
// the schema Unprocessable, no row NotFound, a store that cannot take the row AuditUnavailable. nil stays nil, and a fault
// stays what it is unless the store itself failed beneath it.
func Translate(err error) error {
	if err == nil {
		return nil
	}
	var se sqlite3.Error
	if errors.As(err, &se) && unwritable(se.Code) {
		return unavailable(err)
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	switch {
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, gorm.ErrRecordNotFound):
		return fault.Wrap(err, fault.NotFound, "there is no such thing")
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return fault.Wrap(err, fault.Conflict, "that is already there")
	case errors.Is(err, gorm.ErrForeignKeyViolated), errors.Is(err, gorm.ErrCheckConstraintViolated):
		return fault.Wrap(err, fault.Unprocessable, "the database's rules refuse this")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.From(err)
	case errors.As(err, &se):
		return translateCode(err, se)
	}
	return fault.Wrap(err, fault.Internal, "the database could not do this")
}

const unavailableMessage = "the record of this could not be made durable, so it was not done"

func unavailable(err error) error {
	if isFull(err) {
		return fault.Wrap(err, fault.AuditUnavailable, unavailableMessage+": the disk is full")
	}
	return fault.Wrap(err, fault.AuditUnavailable, unavailableMessage)
}

// unopened is what failed at an opening: a full disk is named, for SQLite needs some pages of it even to read.
func unopened(err error, message string) error {
	if isFull(err) {
		return fault.Wrap(err, fault.AuditUnavailable, "The disk of the data folder is full: make room on it, then try again.")
	}
	return fault.Wrap(err, fault.Internal, message)
}

func translateCode(err error, se sqlite3.Error) error {
	switch se.ExtendedCode {
	case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey, sqlite3.ErrConstraintRowID:
		return fault.Wrap(err, fault.Conflict, "that is already there")
	}
	switch se.Code {
	case sqlite3.ErrConstraint:
		return fault.Wrap(err, fault.Unprocessable, "the database's rules refuse this")
	case sqlite3.ErrInterrupt:
		return fault.Wrap(err, fault.Canceled, "the caller left before the answer")
	}
	return fault.Wrap(err, fault.Internal, "the database could not do this")
}

// unwritable lists the codes that say "the store cannot take or keep rows", whatever statement met them.
func unwritable(code sqlite3.ErrNo) bool {
	switch code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrBusy, sqlite3.ErrLocked,
		sqlite3.ErrNomem, sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrProtocol:
		return true
	}
	return false
}

// Damaged says that SQLite could not make a database of the bytes that are there: pages of different moments, a file cut short, or
// something else than a database.
func Damaged(err error) bool {
	var se sqlite3.Error
	if !errors.As(err, &se) {
		return false
	}
	return se.Code == sqlite3.ErrCorrupt || se.Code == sqlite3.ErrNotADB || se.ExtendedCode == sqlite3.ErrIoErrShortRead
}

// isFull says that there is no room on the disk, or none that this account may take.
func isFull(err error) bool {
	var se sqlite3.Error
	if errors.As(err, &se) && (se.Code == sqlite3.ErrFull || se.SystemErrno == unix.ENOSPC || se.SystemErrno == unix.EDQUOT) {
		return true
	}
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

func isConstraint(err error) bool {
	var se sqlite3.Error
	return errors.As(err, &se) && se.Code == sqlite3.ErrConstraint
}

func isBusy(err error) bool {
	var se sqlite3.Error
	return errors.As(err, &se) && (se.Code == sqlite3.ErrBusy || se.Code == sqlite3.ErrLocked)
}
