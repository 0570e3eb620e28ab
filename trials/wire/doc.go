// Package wire is a client of Patchbay as the trials need one: it says of each request whether it was carried out, was refused,
// or may have been carried out, and never repeats one by itself. Like the conformance suites it knows Patchbay from outside
// only: nothing of Patchbay's own code may be imported anywhere in this module.
package wire
