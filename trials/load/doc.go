// Package load is a mixed load of CRUD and steps on one Patchbay, and the books that are kept of it: what was acknowledged, what
// is unknown, and therefore what may be seen. Whatever is seen that may not be is a Finding.
//
// Every write of a connector writes all of it, and a serial number is in each of its parts: display name, target URL, user name
// and password. So one look tells which write a connector is in, and whether it is in one write wholly; the target of the steps
// looks at the parts that no answer shows.
//
// Only one client writes a connector at a time, one write after another. More than one at a time is the matter of ../linear.
package load
