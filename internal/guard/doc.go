// Package guard says which network addresses may be dialled.
//
// Targets are chosen by tenants, and the program stands in a network of its operator's; without a guard, a tenant could
// make it knock at the doors of that network. Only addresses that are reachable from everywhere may be dialled: none of
// loopback, private, link-local, reserved, multicast or translated space, and none at which a cloud hands out a machine's
// credentials. An administrator opens further ones, each by network and port.
//
// What counts is the check of the resolved address at the moment of dialling (Check, from net.Dialer's ControlContext): a
// name may resolve to anything, and to something else a second later. CheckURL refuses early what can be told by the text.
//
// The package cannot know which public addresses belong to the operator's own network, nor the prefix of a NAT64 other
// than the well-known one: against those stands a firewall. It imports no other room, knows no HTTP, dials and resolves
// nothing.
package guard
