package store

import (
	"context"
	"errors"
	"fmt"
)

// takeTarget makes a database without rows ready, or one whose rows are those of a copy that did not come to its end, and
// marks it.
func (c *copying) takeTarget(ctx context.Context) error {
	if err := c.refuse(ctx); err != nil {
		return err
	}
	d := dialectOf(c.options.To)
	if err := prepareSchema(ctx, d, Options{Database: c.options.To, unfinished: true}); err != nil {
		return err
	}
	var err error
	if c.to, err = openEnd(ctx, c.options.To); err != nil {
		return err
	}
	tables, _, err := d.catalog.readTables(ctx, c.to.conn)
	if err != nil {
		return err
	}
	own, _, err := c.from.dialect.catalog.readTables(ctx, c.from.conn)
	if err != nil {
		return err
	}
	if err := checkShapes(own, tables); err != nil {
		return err
	}
	return c.to.transaction(ctx, func() error { return c.mark(ctx) })
}

// mark makes this copy the one whose target it is. Another one that is under way, or was, ends at its next transaction.
func (c *copying) mark(ctx context.Context) error {
	result, err := c.to.conn.ExecContext(ctx, "UPDATE meta SET value = $2 WHERE name = $1", metaUnfinished, c.id)
	if err != nil {
		return err
	}
	earlier, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if c.report.Restarted = earlier > 0; c.report.Restarted {
		return c.clear(ctx)
	}
	if err := c.to.requireEmpty(ctx, c.tables); err != nil {
		return err
	}
	return c.to.exec(ctx, "INSERT INTO meta (name, value) VALUES ($1, $2)", metaUnfinished, c.id)
}

// requireMark is for the beginning of a transaction on the target, in which no other copy can make it its own then.
func (c *copying) requireMark(ctx context.Context) error {
	result, err := c.to.conn.ExecContext(ctx, "UPDATE meta SET value = $2 WHERE name = $1 AND value = $2", metaUnfinished, c.id)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, errors.New("somebody else copies to it at the same time"))
	}
	return nil
}

// refuse looks at a target before anything is done to it. It refuses one with tables and none of goose's, which is somebody else's,
// and one with rows that are not those of an unfinished copy. A file that is not there is made.
func (c *copying) refuse(ctx context.Context) (err error) {
	e, err := openEnd(ctx, c.options.To)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	tables, has, err := e.dialect.catalog.readTables(ctx, e.conn)
	if err == nil && !has && len(tables) > 0 {
		err = fmt.Errorf("it has tables of somebody else's, such as %s; name an empty database", tables[0].name)
	}
	if err != nil || !has || len(tables) == 0 {
		return err
	}
	newest, err := e.dialect.newest()
	if err != nil {
		return err
	}
	if version, err := e.schemaVersion(ctx); err != nil {
		return err
	} else if version > newest {
		return ErrNewSchema
	}
	if earlier, err := e.unfinished(ctx); err != nil || earlier != "" {
		return err
	}
	return e.requireEmpty(ctx, tables)
}

func (e *end) requireEmpty(ctx context.Context, tables []tableShape) error {
	for _, t := range tables {
		var has bool
		if err := e.conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+quoted(t.name)+")").Scan(&has); err != nil {
			return err
		}
		if has {
			return fmt.Errorf("it is not empty: the table %s has rows; name a new database", t.name)
		}
	}
	return nil
}

// clear deletes all rows but the mark, those before others that refer to them last.
func (c *copying) clear(ctx context.Context) error {
	for i := len(c.tables) - 1; i >= 0; i-- {
		where, args := whereCopied(c.tables[i])
		if err := c.to.exec(ctx, "DELETE FROM "+quoted(c.tables[i].name)+where, args...); err != nil {
			return fmt.Errorf("remove the rows of an unfinished copy: %w", err)
		}
	}
	return nil
}

// reopenTarget lets go of the target and takes it again, so that what is compared is what others will find in it.
func (c *copying) reopenTarget(ctx context.Context) error {
	closing := c.to
	c.to = nil
	if err := closing.close(); err != nil {
		return err
	}
	var err error
	c.to, err = openEnd(ctx, c.options.To)
	return err
}

// finish takes the mark off the target, if it is still that of this copy.
func (c *copying) finish(ctx context.Context) error {
	if c.to.dialect.settle != "" {
		if err := c.to.exec(ctx, c.to.dialect.settle); err != nil {
			return err
		}
	}
	err := c.to.transaction(ctx, func() error {
		if err := c.requireMark(ctx); err != nil {
			return err
		}
		return c.to.exec(ctx, "DELETE FROM meta WHERE name = $1", metaUnfinished)
	})
	closing := c.to
	c.to = nil
	return errors.Join(err, closing.close())
}
