package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

func TestTranslate(t *testing.T) {
	code := func(c sqlite3.ErrNo, x sqlite3.ErrNoExtended) error { return sqlite3.Error{Code: c, ExtendedCode: x} }
	cases := map[string]struct {
		err  error
		want fault.Code
	}{
		"nil":                  {nil, ""},
		"fault":                {fault.New(fault.Stale, "x"), fault.Stale},
		"no row":               {sql.ErrNoRows, fault.NotFound},
		"gorm no row":          {gorm.ErrRecordNotFound, fault.NotFound},
		"gorm duplicate":       {gorm.ErrDuplicatedKey, fault.Conflict},
		"gorm foreign key":     {gorm.ErrForeignKeyViolated, fault.Unprocessable},
		"canceled":             {context.Canceled, fault.Canceled},
		"deadline":             {context.DeadlineExceeded, fault.Timeout},
		"unique":               {code(sqlite3.ErrConstraint, sqlite3.ErrConstraintUnique), fault.Conflict},
		"primary key":          {code(sqlite3.ErrConstraint, sqlite3.ErrConstraintPrimaryKey), fault.Conflict},
		"check":                {code(sqlite3.ErrConstraint, sqlite3.ErrConstraintCheck), fault.Unprocessable},
		"foreign key":          {code(sqlite3.ErrConstraint, sqlite3.ErrConstraintForeignKey), fault.Unprocessable},
		"interrupt":            {code(sqlite3.ErrInterrupt, 0), fault.Canceled},
		"full":                 {code(sqlite3.ErrFull, 0), fault.AuditUnavailable},
		"io":                   {code(sqlite3.ErrIoErr, 0), fault.AuditUnavailable},
		"busy":                 {code(sqlite3.ErrBusy, 0), fault.AuditUnavailable},
		"full under a fault":   {fault.Wrap(code(sqlite3.ErrFull, 0), fault.Internal, "x"), fault.AuditUnavailable},
		"wrapped":              {fmt.Errorf("doing: %w", code(sqlite3.ErrConstraint, sqlite3.ErrConstraintUnique)), fault.Conflict},
		"anything else":        {fmt.Errorf("no idea"), fault.Internal},
		"a mistake in our SQL": {code(sqlite3.ErrError, 0), fault.Internal},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, fault.CodeOf(db.Translate(c.err)))
		})
	}
}
