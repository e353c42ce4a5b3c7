// Package ranchersync keeps registry credentials that somebody else hands out
// (Rancher) supplied with living Amazon ECR tokens.
//
// A run has three parts. The plan reads what a [Target] holds, decides which of
// its credentials need a token and changes nothing. Applying it pushes tokens
// with bounded concurrency. Verifying it reads back and says whether a pull
// would now use what was pushed. Targets do not disturb each other: what fails
// in one is in the [Report], and the others go on.
//
// A run is idempotent. What was pushed where, and until when it lives, is kept
// in a local [Memory], so that a second run finds nothing to do; two runs at the
// same time end in the same state as one.
//
// [Loop] repeats runs for ever, early enough for no token to expire, and
// [Service] answers health checks, metrics and people meanwhile.
package ranchersync
