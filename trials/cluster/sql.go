package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// SQL runs a statement on the database behind the back of the nodes, and returns the rows as lines whose values have "|" between
// them. The trials look with it at what no answer shows, which key seals what, and put old rows back.
func (c *Cluster) SQL(ctx context.Context, statement string) ([]string, error) {
	text, err := c.sql(ctx, statement)
	return strings.Fields(text), err
}

// sqliteText runs a statement on a SQLite file, beside the service.
func sqliteText(ctx context.Context, file, statement string) (text string, err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		var line []string
		for _, value := range values {
			line = append(line, fmt.Sprint(*value.(*any)))
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	return strings.Join(lines, "\n"), rows.Err()
}
