package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// CopyOptions says what is copied where.
type CopyOptions struct {
	From, To string // as Options.Database. To must have no rows, or be the target of a copy that did not come to its end
	// Lock keeps writers out of the source until the copy has ended; those who read it go on.
	Lock bool
	// Progress is told how far the copy is, often; nil: nobody is.
	Progress func(CopyProgress)
	// Hold, if it is not nil, is called when the copy is good, while writers are still kept out of the source. When it returns
	// or that cannot be kept up any more, Copy returns.
	Hold func(context.Context, CopyReport) error
}

// CopyProgress is how far a copy is with one table.
type CopyProgress struct {
	Verifying   bool // rather than copying
	Table       string
	Done, Total int64 // rows; Total is what the source had at the beginning
}

// CopyReport is what a copy has in it.
type CopyReport struct {
	Schema int64
	Tables []CopiedTable // in the order of their names
	// Restarted tells that the target was that of a copy that had not come to its end, whose rows were removed first.
	Restarted bool
}

// CopiedTable is a table that is the same in both databases.
type CopiedTable struct {
	Name   string
	Rows   int64
	Digest []byte // SHA-256 of all its rows in the order of the key
	// Changed is how many rows are not the same any more in the source, because somebody changed, added or deleted them since.
	Changed int64
}

// How many rows a statement writes at the most, and a transaction; and about how many octets a statement.
const (
	statementRows   = 500
	transactionRows = 10_000
	statementBytes  = 4 << 20
)

// Copy copies all rows of one database, at one moment, to another of any kind, and compares the two row by row afterwards.
// Secrets stay sealed: their ciphertexts are copied. Until the end, the target is marked as unfinished, and stays so
// after any error: Open refuses it then, and the next Copy starts anew.
func Copy(ctx context.Context, o CopyOptions) (report CopyReport, err error) {
	if same, err := sameFile(o.From, o.To); err != nil {
		return CopyReport{}, err
	} else if same {
		return CopyReport{}, errors.New("the source and the target are the same database")
	}
	c := &copying{options: o, id: rand.Text()}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.takeSource(ctx); err != nil {
		return CopyReport{}, fmt.Errorf("the source: %w", err)
	}
	if err := c.takeTarget(ctx); err != nil {
		return CopyReport{}, fmt.Errorf("the target: %w", err)
	}
	if err := c.carry(ctx); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("the copy was interrupted, and its target is unfinished: %w", err)
		}
		return CopyReport{}, err
	}
	if o.Hold == nil {
		return c.report, nil
	}
	return c.report, c.hold(ctx)
}

// carry does it, from the first row to taking the mark off.
func (c *copying) carry(ctx context.Context) error {
	for _, t := range c.tables {
		if err := c.fill(ctx, t); err != nil {
			return fmt.Errorf("copy the table %s: %w", t.name, err)
		}
	}
	if err := c.reopenTarget(ctx); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	if err := c.verify(ctx); err != nil {
		return err
	}
	if err := c.finish(ctx); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	return nil
}

// copying is a copy under way.
type copying struct {
	options  CopyOptions
	id       string
	from, to *end
	tables   []tableShape // in the order to be written
	totals   map[string]int64
	report   CopyReport
}

func (c *copying) close() error {
	var errs []error
	for _, e := range []*end{c.from, c.to} {
		if e != nil {
			errs = append(errs, e.close())
		}
	}
	return errors.Join(errs...)
}

func (c *copying) progress(verifying bool, t tableShape, done int64) {
	if c.options.Progress != nil {
		c.options.Progress(CopyProgress{Verifying: verifying, Table: t.name, Done: done, Total: max(done, c.totals[t.name])})
	}
}

// sameFile tells whether both are the same file. Two names of one PostgreSQL database are found out by its rows.
func sameFile(a, b string) (bool, error) {
	if IsPostgres(a) || IsPostgres(b) {
		return a == b, nil
	}
	one, err := os.Stat(a)
	if err != nil {
		return false, fmt.Errorf("there is no database at %s", a)
	}
	two, err := os.Stat(b)
	return err == nil && os.SameFile(one, two), nil
}

// takeSource opens the source and begins to see it as it is at one moment: after writers are out, if they are to be.
func (c *copying) takeSource(ctx context.Context) (err error) {
	if _, err := os.Stat(c.options.From); err != nil && !IsPostgres(c.options.From) {
		return fmt.Errorf("there is no database at %s", c.options.From)
	}
	if c.from, err = openEnd(ctx, c.options.From); err != nil {
		return err
	}
	if c.options.Lock {
		if err := c.from.keepWritersOut(ctx); err != nil {
			return err
		}
	}
	if !c.options.Lock || c.from.dialect.hold != "" {
		if err := c.from.exec(ctx, c.from.dialect.reading); err != nil {
			return err
		}
	}
	tables, has, err := c.from.dialect.catalog.readTables(ctx, c.from.conn)
	if err != nil {
		return err
	}
	if !has {
		return errors.New("this is not a database of Patchbay's")
	}
	newest, err := c.from.dialect.newest()
	if err != nil {
		return err
	}
	if c.report.Schema, err = c.from.schemaVersion(ctx); err != nil {
		return err
	}
	switch id, err := c.from.unfinished(ctx); {
	case err != nil:
		return err
	case id != "":
		return ErrUnfinishedCopy
	case c.report.Schema < newest:
		return ErrOldSchema
	case c.report.Schema > newest:
		return ErrNewSchema
	}
	if c.tables, err = parentsFirst(tables); err != nil {
		return err
	}
	c.totals = map[string]int64{}
	for _, t := range c.tables {
		if c.totals[t.name], err = c.from.count(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// fill copies the rows of a table.
func (c *copying) fill(ctx context.Context, t tableShape) (err error) {
	from, err := openStream(ctx, c.from, t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	c.progress(false, t, 0)
	for more := true; more; {
		err := c.to.transaction(ctx, func() error {
			if err := c.requireMark(ctx); err != nil {
				return err
			}
			for begun := from.count; more && from.count < begun+transactionRows; {
				var values []any
				if values, more, err = from.batch(c.to.dialect.parameters); err != nil {
					return err
				}
				if err := c.insert(ctx, t, values); err != nil {
					return err
				}
				c.progress(false, t, from.count)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// insert writes rows whose values stand one after the other.
func (c *copying) insert(ctx context.Context, t tableShape, values []any) error {
	if len(values) == 0 {
		return nil
	}
	if c.to.dialect.name == postgresDialect().name {
		if err := requireText(t, values); err != nil {
			return err
		}
	}
	var text strings.Builder
	text.WriteString("INSERT INTO " + quoted(t.name) + " (" + quotedList(t.columnNames()) + ") VALUES ")
	for i := range values {
		switch {
		case i == 0:
			text.WriteString("(")
		case i%len(t.columns) == 0:
			text.WriteString("), (")
		default:
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "$%d", i+1)
	}
	text.WriteString(")")
	_, err := c.to.kept.exec(ctx, text.String(), values...) // one text for each number of rows: those of the last statements differ
	return err
}

// requireText refuses what is a text to SQLite and none to PostgreSQL, naming the row, before a statement of many rows fails.
func requireText(t tableShape, values []any) error {
	for i, v := range values {
		text, is := v.(string)
		if !is || utf8.ValidString(text) && !strings.Contains(text, "\x00") {
			continue
		}
		row := values[i-i%len(t.columns):]
		var where []string
		for at, col := range t.columns {
			for _, key := range t.key {
				if key == col.name {
					where = append(where, fmt.Sprintf("%s %q", key, fmt.Sprint(row[at])))
				}
			}
		}
		return fmt.Errorf("the row with %s has in the column %s the character U+0000 or what is no UTF-8, which PostgreSQL cannot keep; change it in the source first",
			strings.Join(where, ", "), t.columns[i%len(t.columns)].name)
	}
	return nil
}

// hold calls the one who waits, and looks meanwhile whether writers are still kept out.
func (c *copying) hold(ctx context.Context) error {
	if c.from.dialect.hold != "" { // the locks outlive the transaction, which need not be kept open
		if err := c.from.exec(ctx, "ROLLBACK"); err != nil {
			return fmt.Errorf("the source: %w", err)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() { ended <- c.options.Hold(ctx, c.report) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			if err := c.from.exec(context.WithoutCancel(ctx), "SELECT 1"); err != nil {
				cancel(err)
				return fmt.Errorf("the connection that kept writers out of the source is lost; what they wrote since is not in the copy: %w", errors.Join(err, <-ended))
			}
		}
	}
}
