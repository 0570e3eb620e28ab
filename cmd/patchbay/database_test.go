package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"github.com/patchbay/patchbay/internal/conntest/pgtest"
)

// databaseCommands are the commands of the scripts that are about whole databases:
//
//	postgres NAME             makes an empty PostgreSQL database and sets NAME to its URL
//	schema VERSION DATABASE   makes the schema of a version, as it was, in an empty database
//	sql DATABASE STATEMENT    changes a database past the program
func databaseCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return map[string]func(*testscript.TestScript, bool, []string){
		"postgres": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) != 1 {
				ts.Fatalf("usage: postgres name")
			}
			ts.Setenv(args[0], pgtest.New(t))
		},
		"schema": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) != 2 {
				ts.Fatalf("usage: schema version database")
			}
			database := inScript(ts, args[1])
			engine := "sqlite"
			if strings.HasPrefix(database, "postgres") {
				engine = "postgres"
			}
			text, err := os.ReadFile(filepath.Join("..", "..", "internal", "store", "testdata", "schema", engine, args[0]+".sql"))
			ts.Check(err)
			ts.Check(runSQL(database, strings.Split(string(text), ";\n\n")...))
		},
		"sql": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) != 2 {
				ts.Fatalf("usage: sql database statement")
			}
			ts.Check(runSQL(inScript(ts, args[0]), args[1]))
		},
	}
}

// inScript is a database as a script names it: a URL, or a path below the script's folder.
func inScript(ts *testscript.TestScript, database string) string {
	if strings.HasPrefix(database, "postgres://") {
		return database
	}
	return ts.MkAbs(database)
}

// runSQL runs statements as the owner of a database; every row is visible to them.
func runSQL(database string, statements ...string) (err error) {
	db, err := openSQL(database)
	if err != nil {
		return err
	}
	defer func() {
		if end := db.Close(); err == nil {
			err = end
		}
	}()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// openSQL opens one connection to a database past the program, for which every row is visible.
func openSQL(database string) (*sql.DB, error) {
	name := "sqlite"
	if strings.HasPrefix(database, "postgres://") {
		name = "pgx"
	}
	db, err := sql.Open(name, database)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if name == "pgx" {
		_, err = db.Exec("SELECT set_config('patchbay.tenant', '*', false)")
	}
	return db, err
}
