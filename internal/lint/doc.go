// Package lint drives a connector's endpoint through the space of the runtime contract and says what Patchbay would make
// of each answer: which it would obey, which it would refuse and why, and where the endpoint takes what it should refuse.
//
// What a connector's call can be, the outbound client sends, so that the verdict is that of a real step; requests that
// Patchbay never makes (another method, broken JSON, one TLS version or suite) are made here. Every address that is
// dialled is asked of the address guard; no proxy is used and no redirect followed. The package stores nothing, shows no
// credential and no value of the URL's query, and changes nothing at the endpoint but what a sign-up would.
package lint
