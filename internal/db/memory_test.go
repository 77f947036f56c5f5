package db_test

import (
	"context"
	"database/sql/driver"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// memoryConnector opens one database in memory.
type memoryConnector struct{}

func (*memoryConnector) Connect(context.Context) (driver.Conn, error) {
	return (&sqlite3.SQLiteDriver{}).Open(":memory:")
}

func (*memoryConnector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }
