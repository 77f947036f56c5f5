package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/apptest"
	"guardhouse/migrations"
)

// expectedSchema runs schema.sql in memory.
func expectedSchema() (*sql.DB, error) {
	pool := sql.OpenDB(&memoryConnector{})
	pool.SetMaxOpenConns(1)
	_, err := pool.ExecContext(context.Background(), migrations.Schema)
	return pool, err
}

// describe lists everything the two databases must agree on, in words.
func describe(t *testing.T, pool *sql.DB) []string {
	t.Helper()
	var out []string
	objects := query(t, pool, `SELECT type, name, tbl_name FROM sqlite_schema
		WHERE name NOT LIKE 'sqlite_%' AND tbl_name NOT LIKE 'goose%' AND type IN ('table', 'view', 'trigger')`)
	out = append(out, objects...)
	for _, name := range query(t, pool, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose%'`) {
		for _, pragma := range []string{"table_xinfo", "foreign_key_list", "index_list"} {
			for _, line := range query(t, pool, fmt.Sprintf("SELECT * FROM pragma_%s('%s')", pragma, name)) {
				out = append(out, pragma+" "+name+": "+line)
			}
		}
		for _, index := range query(t, pool, fmt.Sprintf("SELECT name FROM pragma_index_list('%s')", name)) {
			for _, line := range query(t, pool, fmt.Sprintf("SELECT * FROM pragma_index_xinfo('%s')", index)) {
				out = append(out, "index_xinfo "+index+": "+line)
			}
		}
		for _, line := range query(t, pool, fmt.Sprintf("SELECT strict, wr FROM pragma_table_list('%s')", name)) {
			out = append(out, "table_list "+name+": "+line)
		}
	}
	// What no pragma tells: checks, partial indexes and trigger bodies, with blanks and comments evened out. SQLite quotes
	// what ALTER TABLE renames and sets an added column's comma apart.
	evened := strings.NewReplacer(`"`, "", " ,", ",", " )", ")")
	for _, text := range query(t, pool, `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'goose%' AND tbl_name NOT LIKE 'sqlite_%'`) {
		out = append(out, "sql "+evened.Replace(strings.Join(strings.Fields(text), " ")))
	}
	sort.Strings(out)
	return out
}

func query(t *testing.T, pool *sql.DB, q string) []string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), q)
	require.NoError(t, err, q)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var out []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		require.NoError(t, rows.Scan(targets...))
		parts := make([]string, len(cells))
		for i, c := range cells {
			parts[i] = c.String
		}
		out = append(out, strings.Join(parts, "|"))
	}
	require.NoError(t, rows.Err())
	return out
}

func TestMigrationsEndInSchema(t *testing.T) {
	want, err := expectedSchema()
	require.NoError(t, err)
	defer func() { require.NoError(t, want.Close()) }()
	expected := describe(t, want)
	require.Greater(t, len(expected), 100)
	require.Equal(t, expected, describe(t, apptest.OpenDB(t).ReadSQL()))
}
