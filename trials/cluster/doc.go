// Package cluster is the trials' hand on a running Patchbay: a whole cluster of deploy/cluster, or one node with SQLite for the
// tests of the trials themselves. It knows where the nodes are, hurts and mends them, and runs local commands of Patchbay.
package cluster
