package awsecr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"ecr-credential-helper/ecr-login/internal/procgroup"
)

// processProvider runs a credential_process in the place of the SDK's provider.
// That one gives the command our standard input and error, which belong to our
// client, does not hear of the deadline, kills the shell but not what the shell
// started, and quotes the output, where the keys are, when it cannot be read.
type processProvider struct {
	command string
	watch   *watch
}

// processError is a failure of a credential_process. It says what is wrong and
// holds nothing of the command's output.
type processError struct {
	timedOut bool
	what     string // such as "ended with exit status 1"
	said     string // the last line of its standard error, which is there for people
}

func (e *processError) Error() string {
	if e.said == "" {
		return e.what
	}
	return e.what + ": " + e.said
}

// lingering is how long after its end, or after it was killed, the output of a
// command is waited for that something it left behind holds open. It is
// shorter than Fetch's lastMoment, so that Fetch can still tell why.
const lingering = 100 * time.Millisecond

// Retrieve runs the command and reads keys from its standard output.
func (p processProvider) Retrieve(context.Context) (aws.Credentials, error) {
	c := &call{Call: Call{Operation: opProcess}, waiting: true}
	p.watch.begin(c)
	defer p.watch.end(c, false)

	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd.exe", "/C"
	}
	ctx := p.watch.ctx
	cmd := exec.CommandContext(ctx, shell, flag, p.command)
	output, said := &limitedBuffer{most: maxBody}, &lastLine{}
	cmd.Stdout, cmd.Stderr = output, said
	cmd.WaitDelay = lingering
	procgroup.Bind(cmd)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return aws.Credentials{}, &processError{timedOut: true, what: "did not end in time", said: said.String()}
	case errors.Is(err, exec.ErrWaitDelay):
		// It ended well and left something running, which is its own business.
	case err != nil:
		return aws.Credentials{}, &processError{what: howItEnded(err), said: said.String()}
	}
	creds, what := readKeys(output)
	if what != "" {
		return aws.Credentials{}, &processError{what: what, said: said.String()}
	}
	return creds, nil
}

func howItEnded(err error) string {
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return "could not be run (" + innermost(err).Error() + ")"
	case exit.Exited():
		return fmt.Sprintf("ended with exit status %d", exit.ExitCode())
	}
	return "was ended by a signal (" + exit.Error() + ")"
}

// readKeys reads a command's output
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html)
// or says what is wrong with it.
func readKeys(output *limitedBuffer) (creds aws.Credentials, what string) {
	if output.overflow {
		return creds, "printed more than 1 MiB"
	}
	text := output.text.Bytes()
	if runtime.GOOS == "windows" {
		// cmd.exe keeps the backslashes of quotes that were escaped for it.
		text = bytes.ReplaceAll(text, []byte(`\"`), []byte(`"`))
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return creds, "printed nothing"
	}
	var r processcreds.CredentialProcessResponse
	if err := json.Unmarshal(text, &r); err != nil {
		return creds, "did not print the JSON that AWS documents"
	}
	switch {
	case r.Version != 1:
		return creds, fmt.Sprintf("printed Version %d, and only 1 is known", r.Version)
	case r.AccessKeyID == "":
		return creds, "printed no AccessKeyId"
	case r.SecretAccessKey == "":
		return creds, "printed no SecretAccessKey"
	}
	creds = aws.Credentials{
		AccessKeyID: r.AccessKeyID, SecretAccessKey: r.SecretAccessKey, SessionToken: r.SessionToken,
		AccountID: r.AccountID, Source: processcreds.ProviderName,
	}
	if r.Expiration != nil {
		creds.CanExpire, creds.Expires = true, *r.Expiration
	}
	return creds, ""
}

// limitedBuffer keeps at most so many bytes and goes on taking more, so that
// the command does not die of a broken pipe and blame that.
type limitedBuffer struct {
	most     int
	text     bytes.Buffer
	overflow bool
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if keep := b.most - b.text.Len(); len(p) > keep {
		b.overflow = true
		b.text.Write(p[:keep])
		return len(p), nil
	}
	return b.text.Write(p)
}

// lastLine keeps the end of what is written to it.
type lastLine struct {
	tail []byte
	cut  bool // something came before it
}

func (l *lastLine) Write(p []byte) (int, error) {
	const most = 4 << 10
	l.tail = append(l.tail, p...)
	if beyond := len(l.tail) - most; beyond > 0 {
		l.tail, l.cut = append(l.tail[:0], l.tail[beyond:]...), true
	}
	return len(p), nil
}

// String returns the last line that is not empty, made fit for one line of an
// error.
func (l *lastLine) String() string {
	text := string(bytes.TrimSpace(l.tail))
	begin := strings.LastIndexByte(text, '\n') + 1
	line := text[begin:]
	if begin == 0 && l.cut {
		// What is left of its first word may be the end of a key.
		line = strings.TrimLeftFunc(line, isBase64)
	}
	return oneLine(hideKeys(line))
}

// hideKeys replaces whatever may be a secret key or a token: forty or more
// characters of base64 with capitals and small letters, and JSON web tokens.
// Commands print what went wrong, and now and then more than that. A long path
// that is taken for a key is the smaller evil.
func hideKeys(s string) string {
	const shortest = 40
	var out strings.Builder
	for s != "" {
		word := s[:span(s, isBase64)]
		switch {
		case strings.HasPrefix(word, "eyJ"):
			word = s[:span(s, func(r rune) bool { return isBase64(r) || r == '-' || r == '_' || r == '.' })]
			out.WriteString(hidden)
		case len(word) >= shortest && strings.ToUpper(word) != word && strings.ToLower(word) != word:
			out.WriteString(hidden)
		default:
			out.WriteString(word)
		}
		s = s[len(word):]
		rest := s[:span(s, func(r rune) bool { return !isBase64(r) })]
		out.WriteString(rest)
		s = s[len(rest):]
	}
	return out.String()
}

const hidden = "[redacted]"

// span returns how far into s a property of its characters reaches.
func span(s string, has func(rune) bool) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !has(r) }); n >= 0 {
		return n
	}
	return len(s)
}

func isBase64(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '+' || r == '/' || r == '='
}
