package awsecr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"ecr-credential-helper/ecr-login/internal/procgroup"
)

// replaceProcess puts our own way of running a credential_process in the place
// of the SDK's. The SDK's gives the command our standard input and error, which
// belong to our client, and when time runs out kills the shell but not what the
// shell started. The roles that the profile assumes with the keys are
// rebuilt around it as the SDK would.
func replaceProcess(ctx context.Context, cfg *aws.Config, profile string) error {
	env, err := config.NewEnvConfig()
	if err != nil {
		return err
	}
	if profile == "" {
		profile = env.SharedConfigProfile
	}
	if profile == "" {
		profile = config.DefaultSharedConfigProfile
	}
	shared, err := config.LoadSharedConfigProfile(ctx, profile, func(o *config.LoadSharedConfigOptions) {
		if env.SharedConfigFile != "" {
			o.ConfigFiles = []string{env.SharedConfigFile}
		}
		if env.SharedCredentialsFile != "" {
			o.CredentialsFiles = []string{env.SharedCredentialsFile}
		}
	})
	if err != nil {
		return err
	}
	cfg.Credentials, err = processChain(*cfg, &shared)
	return err
}

// errNoProcess says that the profile, read once more, has no credential_process
// at the end of its chain: it was edited between two looks.
var errNoProcess = errors.New("the profile's credential_process is gone")

func processChain(cfg aws.Config, shared *config.SharedConfig) (aws.CredentialsProvider, error) {
	switch {
	case shared.Source != nil:
		source, err := processChain(cfg, shared.Source)
		if err != nil {
			return nil, err
		}
		cfg.Credentials = source
	case shared.CredentialProcess != "":
		builder := commandBuilder(shared.CredentialProcess)
		cfg.Credentials = aws.NewCredentialsCache(processProvider{builder})
	default:
		return nil, errNoProcess
	}
	if shared.RoleARN == "" {
		return cfg.Credentials, nil
	}
	return assume(cfg, shared.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = shared.RoleSessionName
		if shared.ExternalID != "" {
			o.ExternalID = aws.String(shared.ExternalID)
		}
		// The SDK takes durations above its default only, in whole minutes.
		if d := shared.RoleDurationSeconds; d != nil && d.Truncate(time.Minute) > stscreds.DefaultDuration {
			o.Duration = *d
		}
	}), nil
}

// processProvider runs a credential_process by the SDK's own parser of its
// output, and explains a failure with what the command said.
type processProvider struct{ command commandBuilder }

// processError is a failure of a credential_process. It holds the last line
// that the command wrote to its standard error, which is there for people, and
// nothing of its output, where the keys are.
type processError struct {
	said string
	err  error
}

func (e *processError) Error() string {
	var exit *exec.ExitError
	what := "its output is not what AWS documents"
	if errors.As(e.err, &exit) {
		what = exit.Error()
	} else if errors.Is(e.err, context.DeadlineExceeded) || errors.Is(e.err, exec.ErrWaitDelay) {
		what = "it did not end in time"
	}
	if e.said != "" {
		what += ": " + e.said
	}
	return what
}

func (p processProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	said := &lastLine{}
	provider := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(
		func(ctx context.Context) (*exec.Cmd, error) { return p.command.build(ctx, said), nil }))
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return creds, &processError{said.String(), err}
	}
	return creds, nil
}

type commandBuilder string

func (c commandBuilder) build(ctx context.Context, stderr io.Writer) *exec.Cmd {
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd.exe", "/C"
	}
	cmd := exec.CommandContext(ctx, shell, flag, string(c)) //nolint:gosec // running what the profile says is the feature
	cmd.Stdout = &limitedWriter{left: maxBody}
	cmd.Stderr = stderr
	// A grandchild that keeps our pipes open is not waited for.
	cmd.WaitDelay = 500 * time.Millisecond
	procgroup.Bind(cmd)
	return cmd
}

// limitedWriter fails after so many bytes, which ends the copying of a
// command's output.
type limitedWriter struct{ left int }

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, fmt.Errorf("the output of the credential_process: %w", errBodyTooLarge)
	}
	return len(p), nil
}

// lastLine keeps the end of what is written to it.
type lastLine struct{ tail []byte }

func (l *lastLine) Write(p []byte) (int, error) {
	const most = 4 << 10
	l.tail = append(l.tail, p[max(0, len(p)-most):]...)
	l.tail = l.tail[max(0, len(l.tail)-most):]
	return len(p), nil
}

// String returns the last line that is not empty, made fit for one line of an
// error.
func (l *lastLine) String() string {
	text := bytes.TrimSpace(l.tail)
	return oneLine(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}

// oneLine makes s fit to stand in a line that people and clients read.
func oneLine(s string) string {
	const most = 300
	s = strings.ToValidUTF8(s, "?")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
