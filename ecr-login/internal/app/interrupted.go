package app

import (
	"context"
	"errors"
	"syscall"
)

// interrupted returns the signal that ended ctx, if one did.
func interrupted(ctx context.Context) (syscall.Signal, bool) {
	var i interruption
	if errors.As(context.Cause(ctx), &i) {
		return i.signal, true
	}
	return 0, false
}
