// Package seal keeps secrets at rest: it turns a secret into AEAD ciphertext bound to its owner, and back.
//
// Three layers of key. The master key is 32 random bytes that the operator keeps outside the database. It wraps the key
// ring, a Tink AES-256-GCM key set that lies in the database. The ring's primary key seals; every key of the ring opens,
// so that the primary can be changed while the service runs.
//
// A ciphertext opens only for the Owner it was sealed for: tenant, id, member and version are its associated data. A
// ciphertext that was changed, cut, swapped with another row or put back from an older version does not open.
//
// The service's own records (Journal) and MACs need no ring: their keys are derived from the master key. What is derived so
// is carried on when the master key is changed, beside the ring and encrypted under the new master key (CarryRoots).
//
// The package hands out a Sealer or an Opener, two types without a common interface, so that the compiler holds the law
// "manage seals, signup opens". It imports no other room, does no I/O of its own (the ring is loaded by a function) and
// must never log.
package seal
