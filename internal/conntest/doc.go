// Package conntest is the test kit: the real things that tests of several rooms need, started and stopped with the test.
//
// It holds no rule of the program and is linked by tests only.
package conntest
