package audit

import (
	"strings"

	"gorm.io/gorm"
)

// explain answers SQLite's plan for a query, step by step.
func explain(q *gorm.DB, query string, vars []any) (string, error) {
	var steps []struct{ Detail string }
	err := q.Raw("EXPLAIN QUERY PLAN "+query, vars...).Scan(&steps).Error
	out := make([]string, 0, len(steps))
	for _, s := range steps {
		out = append(out, s.Detail)
	}
	return strings.Join(out, "; "), err
}
