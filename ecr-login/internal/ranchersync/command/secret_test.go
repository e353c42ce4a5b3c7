package command_test

import (
	"context"
	"io"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/command"
)

func TestWaitingForTheSecretKeyHasAnEnd(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"a signal": nil, "the time-out": {"--timeout", "1s"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			silent, writer := io.Pipe()
			defer func() { _ = writer.Close() }()
			d.deps.In = silent
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if flags == nil {
				time.AfterFunc(50*time.Millisecond, cancel)
			}
			args := append([]string{"--url", d.url, "--access-key", "KEY", "--secret-key-file", "-"}, flags...)
			if code := command.Run(ctx, args, d.deps); code != ranchersync.ExitConfig {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
