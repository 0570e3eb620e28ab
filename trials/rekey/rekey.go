package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay/patchbay/trials/cluster"
	"github.com/patchbay/patchbay/trials/figures"
	"github.com/patchbay/patchbay/trials/load"
	"github.com/patchbay/patchbay/trials/wire"
)

// The copies of rows that the trial keeps in tables of its own while it runs: the key ring and some secrets, as they were before.
const (
	keptRing    = "trial_key_ring"
	keptSecrets = "trial_secrets"
)

// trial is one change of the key.
type trial struct {
	cluster *cluster.Cluster
	size    size
	engine  string

	secrets, newSecrets int // rows before and after
	oldKey, newKey      string
	filled, verified    time.Duration
	rotation            rotation
	counts              load.Counts
	whole               load.Whole
	findings            load.Findings
}

// rekey is the whole trial.
func rekey(ctx context.Context, c *cluster.Cluster, engine string, s size, w io.Writer) error {
	t := &trial{cluster: c, size: s, engine: engine}
	began := time.Now()
	if err := fill(ctx, c, s, began.UnixMilli()); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	t.filled = time.Since(began)
	if err := t.before(ctx); err != nil {
		return err
	}
	err := t.rotateUnderLoad(ctx)
	if err == nil {
		err = t.after(ctx)
	}
	return errors.Join(err, t.drop(context.WithoutCancel(ctx)), t.print(w))
}

// one runs a statement that has one row of one value.
func (t *trial) one(ctx context.Context, statement string) (string, error) {
	rows, err := t.cluster.SQL(ctx, statement)
	if err == nil && len(rows) != 1 {
		err = fmt.Errorf("%d rows of %q", len(rows), statement)
	}
	if err != nil {
		return "", err
	}
	return rows[0], nil
}

// count is one for a number.
func (t *trial) count(ctx context.Context, statement string) (int, error) {
	text, err := t.one(ctx, statement)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// before keeps the key ring and every thousandth secret as they are.
func (t *trial) before(ctx context.Context) (err error) {
	if err := t.drop(ctx); err != nil {
		return err
	}
	for _, statement := range []string{
		"CREATE TABLE " + keptRing + " AS SELECT * FROM key_ring",
		"CREATE TABLE " + keptSecrets + " AS SELECT * FROM secrets WHERE tenant_id <> '' AND owner_id >= 'ff'",
	} {
		if _, err := t.cluster.SQL(ctx, statement); err != nil {
			return err
		}
	}
	if t.oldKey, err = t.one(ctx, "SELECT primary_key FROM key_ring"); err != nil {
		return err
	}
	t.secrets, err = t.count(ctx, "SELECT count(*) FROM secrets WHERE key_id = "+t.oldKey)
	if wanted := t.size.tenants * t.size.connectors; err == nil && t.secrets < wanted {
		err = fmt.Errorf("there are %d secrets; %d were made", t.secrets, wanted)
	}
	return err
}

// drop takes the trial's own tables away.
func (t *trial) drop(ctx context.Context) error {
	for _, table := range []string{keptRing, keptSecrets} {
		if _, err := t.cluster.SQL(ctx, "DROP TABLE IF EXISTS "+table); err != nil {
			return err
		}
	}
	return nil
}

// rotateUnderLoad changes the key while others write, read and take steps, and looks at everything those were told.
func (t *trial) rotateUnderLoad(ctx context.Context) error {
	client, err := t.cluster.Client(ctx, "rekey")
	if err != nil {
		return err
	}
	target, err := load.StartTarget(t.cluster.Host, &t.findings)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	l, err := load.New(ctx, client, target, &t.findings, load.Options{Writers: 10, Steppers: 4, Rate: t.size.rate, Loose: 6})
	if err != nil {
		return err
	}
	before := l.Counts()
	l.Start(ctx)
	load.Wait(ctx, time.Second)
	t.rotation, err = rotate(ctx, t.cluster, t.size.kill, t.size.longer)
	load.Wait(ctx, time.Second)
	l.Stop()
	t.counts = l.Counts().Since(before)
	if err != nil {
		return fmt.Errorf("rotate, after %d kills: %w", t.rotation.kills, err)
	}
	if t.rotation.kills == 0 {
		return errors.New("the rotation came to its end before it was killed once: give it more to do, or less time")
	}
	t.whole, err = l.CheckAll(ctx)
	if n := len(t.findings.All()); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d findings under load, of them: %v", n, t.findings.All()[0]))
	}
	return err
}

// after proves that all is there, opens, and is sealed under the new key, and that the old one opens nothing.
func (t *trial) after(ctx context.Context) (err error) {
	if t.newKey, err = t.one(ctx, "SELECT primary_key FROM key_ring"); err != nil {
		return err
	}
	if t.newKey == t.oldKey {
		return errors.New("the key in use is the old one")
	}
	old, err := t.count(ctx, "SELECT count(*) FROM secrets WHERE key_id <> "+t.newKey)
	if err != nil || old > 0 {
		return errors.Join(err, fmt.Errorf("%d secrets are sealed under another key than the new one", old))
	}
	if t.newSecrets, err = t.count(ctx, "SELECT count(*) FROM secrets"); err != nil {
		return err
	}
	if t.newSecrets < t.secrets {
		return fmt.Errorf("there were %d secrets, and are %d", t.secrets, t.newSecrets)
	}
	began := time.Now()
	if err := t.verify(ctx, 0); err != nil {
		return err
	}
	t.verified = time.Since(began)
	return errors.Join(t.oldRowsDoNotOpen(ctx), t.oldRingOpensNothing(ctx))
}

// verify runs `patchbay key verify`, which must find so many damaged secrets, of as many as there are rows.
func (t *trial) verify(ctx context.Context, damaged int) error {
	printed, err := t.cluster.Local(ctx, "key", "verify")
	want := fmt.Sprintf("%d secrets open", t.newSecrets)
	if damaged > 0 {
		want = fmt.Sprintf("%d of %d secrets are damaged", damaged, t.newSecrets)
		printed, err = lastLine(err), nil
	}
	if err != nil {
		return fmt.Errorf("key verify: %w", err)
	}
	if !strings.Contains(printed, want) {
		return fmt.Errorf("key verify says %q, want %q", strings.TrimSpace(printed), want)
	}
	return nil
}

// lastLine is the end of an error's text: what comes before it are as many lines as there are damaged secrets.
func lastLine(err error) string {
	if err == nil {
		return "nothing is damaged"
	}
	text := strings.TrimSpace(err.Error())
	return text[strings.LastIndex(text, "\n")+1:]
}

// swap exchanges what is in a table with what was kept of it, row by row by its key, and back at the second time.
func (t *trial) swap(ctx context.Context, table, kept, key string, columns ...string) error {
	var set, match []string
	for _, column := range columns {
		set = append(set, column+" = o."+column)
	}
	for column := range strings.SplitSeq(key, ", ") {
		match = append(match, "t."+column+" = o."+column)
	}
	where := " WHERE " + strings.Join(match, " AND ")
	for _, statement := range []string{
		"CREATE TABLE trial_now AS SELECT t.* FROM " + table + " t, " + kept + " o" + where,
		"UPDATE " + table + " AS t SET " + strings.Join(set, ", ") + " FROM " + kept + " o" + where,
		"DELETE FROM " + kept,
		"INSERT INTO " + kept + " SELECT * FROM trial_now",
		"DROP TABLE trial_now",
	} {
		if _, err := t.cluster.SQL(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// oldRowsDoNotOpen puts ciphertexts back that the old key made: none of them opens.
func (t *trial) oldRowsDoNotOpen(ctx context.Context) error {
	return t.exchanged(ctx, "secrets", keptSecrets, "tenant_id, owner_id, member", []string{"version", "key_id", "ciphertext"}, func() (int, error) {
		return t.count(ctx, "SELECT count(*) FROM secrets WHERE key_id = "+t.oldKey)
	})
}

// oldRingOpensNothing puts the key ring back as it was, which has the old key: nothing opens by it.
func (t *trial) oldRingOpensNothing(ctx context.Context) error {
	return t.exchanged(ctx, "key_ring", keptRing, "id", []string{"version", "primary_key", "wrapped"}, func() (int, error) {
		return t.newSecrets, nil
	})
}

// exchanged puts kept rows in the place of those that are there, finds that so many secrets do not open, puts it right again, and
// finds that all open.
func (t *trial) exchanged(ctx context.Context, table, kept, key string, columns []string, damaged func() (int, error)) error {
	if err := t.swap(ctx, table, kept, key, columns...); err != nil {
		return err
	}
	n, err := damaged()
	if err == nil && n == 0 {
		err = fmt.Errorf("nothing of %s was kept to put back", table)
	}
	if err == nil {
		err = t.verify(ctx, n)
	}
	return errors.Join(err, t.swap(context.WithoutCancel(ctx), table, kept, key, columns...), t.verify(ctx, 0))
}

func (t *trial) print(w io.Writer) error {
	seconds := max(t.rotation.took.Seconds(), 0.001)
	return figures.Table(w, [][]string{
		{"database", "secrets sealed again", "made in", "kills", "rotation in all", "secrets per second", "last run", "`key verify` in", "requests beside it", "not served", "writes acknowledged", "lost"},
		{
			t.engine, figures.Number(t.secrets), figures.Seconds(t.filled), figures.Number(t.rotation.kills), figures.Seconds(t.rotation.took),
			fmt.Sprintf("%.0f", float64(t.secrets)/seconds), figures.Seconds(t.rotation.last), figures.Seconds(t.verified),
			figures.Number(t.counts.Requests()), figures.Number(t.counts.Unserved()), figures.Number(t.counts.Writes[wire.Done]), figures.Number(len(t.findings.All())),
		},
	})
}
