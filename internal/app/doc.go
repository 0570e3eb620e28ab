// Package app wires the rooms into a program: `patchbay serve`, `patchbay dev` and the local commands.
//
// It is the only package that knows all others. It decides where things are kept and in which order they start and
// stop; it holds no rule of the domain, writes no answer of the Graph surface and no SQL.
package app
