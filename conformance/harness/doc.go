// Package harness is what the conformance suites in Go have in common: it builds and starts Patchbay and ../relay as programs,
// runs local commands of theirs, and ends them in good order. It is no suite, and checks nothing itself.
//
// Like the suites it knows Patchbay from outside only: nothing of Patchbay's own code may be imported here. Whatever finds the
// repository takes it for two folders above the working directory, which is that of a suite under test.
//
// The package pfx beside it makes certificates, so that only the suites that want some need what writes PKCS#12.
package harness
