package ranchersync

import (
	"context"
	"log/slog"
)

// Logger takes lines for people who look after a running program. *slog.Logger
// is one. No secret is ever passed to it.
type Logger interface {
	Log(ctx context.Context, level slog.Level, msg string, args ...any)
}

// Silent is a Logger that drops everything.
type Silent struct{}

// Log does nothing.
func (Silent) Log(context.Context, slog.Level, string, ...any) {}
