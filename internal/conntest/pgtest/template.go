package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
)

// Template makes databases that are as prepare left the first one, at about the cost of an empty one. They have one owner in
// common, who is as that of New. prepare must have closed its connections when it returns.
type Template struct {
	prepare func(database string) error
	once    sync.Once
	failure error
	owner   *url.Userinfo
	name    string
}

// NewTemplate makes a template, whose prepare runs when a test first asks for a database.
func NewTemplate(prepare func(database string) error) *Template { return &Template{prepare: prepare} }

// New is the function New, but for what the database has in it.
func (p *Template) New(t testing.TB) string {
	t.Helper()
	if err := shared.begin(); err != nil {
		t.Fatal(err)
	}
	p.once.Do(func() {
		p.failure = errors.New("the template could not be made: see the test that tried")
		p.owner, p.name = shared.role(t), fmt.Sprintf("template_%d", shared.made.Add(1))
		shared.super(t, "CREATE DATABASE "+p.name+" OWNER "+p.owner.Username()+" TEMPLATE template0")
		p.failure = p.prepare(shared.url(p.owner, p.name))
	})
	if p.failure != nil {
		t.Fatal(p.failure)
	}
	return shared.database(t, p.owner, p.name)
}
