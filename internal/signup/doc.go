// Package signup is the operation of a sign-up: at a step of a user flow it calls the connector that is bound there,
// judges the answer by the runtime contract, and says what to do and why. Run is the five phases in one function.
//
// It opens secrets and never seals one, knows no HTTP surface and no SQL: the store is what Records says of it. Whatever
// happens to a call becomes a Decision with a reason; an error is a request that is wrong or a fault of ours.
package signup
