// Package transfer moves connectors and user flows from one place to another: it reads and writes the forms in which they are
// written down (Graph's JSON, Microsoft365DSC, Terraform, and a YAML form of our own), and says what would have to be done to
// make one document of another.
//
// It works on plain values: it opens no file, makes no request and imports nothing of ours. No form carries a secret: what a
// source holds in the clear is left behind and said so, and what is written refers to secrets by file or environment
// variable.
package transfer
