package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"
)

// stream reads a table row by row, in the order of its key.
type stream struct {
	rows   *sql.Rows
	table  tableShape
	key    []int // places of the key's columns in a row
	values []any // of the row it is at; nil behind the last one
	count  int64 // rows read
	digest hash.Hash
}

func openStream(ctx context.Context, e *end, t tableShape) (*stream, error) {
	s := &stream{table: t, digest: sha256.New()}
	var err error
	if s.rows, err = e.rows(ctx, t); err != nil { //nolint:rowserrcheck // stream.next asks for it
		return nil, err
	}
	for _, key := range t.key {
		s.key = append(s.key, slices.Index(t.columnNames(), key))
	}
	return s, nil
}

func (s *stream) close() error { return s.rows.Close() }

// next goes to the next row. The values are the caller's.
func (s *stream) next() error {
	s.values = nil
	if !s.rows.Next() {
		return s.rows.Err()
	}
	values, into := make([]any, len(s.table.columns)), make([]any, len(s.table.columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := s.rows.Scan(into...); err != nil {
		return err
	}
	for i, v := range values {
		kind, null := kindOf(v)
		if col := s.table.columns[i]; null && !col.null || !null && kind != col.kind {
			return fmt.Errorf("a row has a %T in the column %s, which is of the kind %s", v, col.name, col.kind)
		}
		switch v := v.(type) {
		case []byte:
			values[i] = blob(v)
		case float64:
			if v == 0 {
				values[i] = 0.0 // SQLite does not keep the sign of a zero
			}
		}
	}
	s.values = values
	s.count++
	s.sum()
	return nil
}

// kindOf is the kind of a value as drivers give it.
func kindOf(v any) (kind columnKind, null bool) {
	switch v.(type) {
	case nil:
		return "", true
	case string:
		return kindText, false
	case int64:
		return kindInteger, false
	case float64:
		return kindReal, false
	case []byte:
		return kindBytes, false
	}
	return "", false
}

// sum adds the row to the digest, so that two sequences of rows have the same one only if all values are the same.
func (s *stream) sum() {
	var head []byte
	for _, v := range s.values {
		kind, _ := kindOf(v)
		head = append(head[:0], kind...)
		switch v := v.(type) {
		case nil:
			s.digest.Write([]byte{0})
			continue
		case string:
			s.digest.Write(binary.AppendUvarint(append(head, ' '), uint64(len(v))))
			s.digest.Write([]byte(v))
		case []byte:
			s.digest.Write(binary.AppendUvarint(append(head, ' '), uint64(len(v))))
			s.digest.Write(v)
		case int64:
			s.digest.Write(binary.BigEndian.AppendUint64(append(head, ' '), uint64(v)))
		case float64:
			s.digest.Write(binary.BigEndian.AppendUint64(append(head, ' '), math.Float64bits(v)))
		}
	}
}

// batch returns the values of as many rows as one statement writes, one after the other, and whether there may be more.
func (s *stream) batch(parameters int) (values []any, more bool, err error) {
	size := 0
	for range min(statementRows, max(1, parameters/len(s.table.columns))) {
		if err := s.next(); err != nil || s.values == nil {
			return values, false, err
		}
		values = append(values, s.values...)
		for _, v := range s.values {
			switch v := v.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			}
		}
		if size > statementBytes {
			break
		}
	}
	return values, true, nil
}

// compareKeys orders the rows that two streams of the same table are at, as their databases do.
func compareKeys(a, b *stream) int {
	for i := range a.key {
		if order := compareValues(a.values[a.key[i]], b.values[b.key[i]]); order != 0 {
			return order
		}
	}
	return 0
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(math.Float64bits(a), math.Float64bits(b.(float64)))
	case []byte:
		return bytes.Compare(a, b.([]byte))
	}
	return 0 // both are NULL
}

func (s *stream) sameRow(other *stream) bool {
	for i, v := range s.values {
		a, aNull := kindOf(v)
		b, bNull := kindOf(other.values[i])
		if a != b || aNull != bNull || compareValues(v, other.values[i]) != 0 {
			return false
		}
	}
	return true
}

// comparison is what two databases have different in one table.
type comparison struct {
	table                     string
	missing, extra, different int64 // rows that the second lacks, has beyond the first, and has with other values
	rows                      int64
	digest                    []byte
}

func (c comparison) differences() int64 { return c.missing + c.extra + c.different }

// compare reads a table from both databases side by side.
func (c *copying) compare(ctx context.Context, t tableShape) (result comparison, err error) {
	result.table = t.name
	from, err := openStream(ctx, c.from, t)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	to, err := openStream(ctx, c.to, t)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, to.close()) }()
	err = errors.Join(from.next(), to.next())
	for err == nil && (from.values != nil || to.values != nil) {
		var order int
		switch {
		case from.values == nil:
			order = 1
		case to.values == nil:
			order = -1
		default:
			order = compareKeys(from, to)
		}
		switch {
		case order < 0:
			result.missing++
			err = from.next()
		case order > 0:
			result.extra++
			err = to.next()
		default:
			if !from.sameRow(to) {
				result.different++
			}
			err = errors.Join(from.next(), to.next())
		}
		if from.count%statementRows == 0 {
			c.progress(true, t, from.count)
		}
	}
	if err != nil {
		return result, err
	}
	c.progress(true, t, from.count)
	result.rows, result.digest = from.count, from.digest.Sum(nil)
	if same := bytes.Equal(result.digest, to.digest.Sum(nil)); same != (result.differences() == 0) {
		return result, errors.New("the digests of the rows contradict the comparison of the rows")
	}
	return result, nil
}

// verify compares all of the target with the source as it was when the copy began and, where writers were not kept out, with
// the source as it is now.
func (c *copying) verify(ctx context.Context) error {
	if err := c.requireMark(ctx); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	var wrong []string
	for _, t := range c.tables {
		result, err := c.compare(ctx, t)
		if err != nil {
			return fmt.Errorf("compare the table %s: %w", t.name, err)
		}
		if result.differences() > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d missing, %d too many, %d different", t.name, result.missing, result.extra, result.different))
		}
		c.report.Tables = append(c.report.Tables, CopiedTable{Name: t.name, Rows: result.rows, Digest: result.digest})
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the copy is not what its source is (%s); the target stays marked as unfinished", strings.Join(wrong, "; "))
	}
	if !c.options.Lock {
		if err := c.findChanges(ctx); err != nil {
			return err
		}
	}
	slices.SortFunc(c.report.Tables, func(a, b CopiedTable) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// findChanges compares again with what the source is by now.
func (c *copying) findChanges(ctx context.Context) error {
	if err := errors.Join(c.from.exec(ctx, "ROLLBACK"), c.from.exec(ctx, c.from.dialect.reading)); err != nil {
		return fmt.Errorf("the source: %w", err)
	}
	for i, t := range c.tables {
		result, err := c.compare(ctx, t)
		if err != nil {
			return fmt.Errorf("compare the table %s: %w", t.name, err)
		}
		c.report.Tables[i].Changed = result.differences()
	}
	return nil
}
