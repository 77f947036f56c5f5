package audit_test

import (
	"context"
	"database/sql/driver"

	sqlite3 "github.com/mattn/go-sqlite3"
)

func (p plain) Connect(context.Context) (driver.Conn, error) {
	return p.Driver().Open("file:" + p.path)
}

func (plain) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }
