package command

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// Deps is what the command needs of the program around it.
type Deps struct {
	In       io.Reader
	Out, Err io.Writer
	// LookupEnv is the environment, as os.LookupEnv reads it.
	LookupEnv func(name string) (string, bool)
	// Version is the program's, for Rancher's log, metrics and the status page.
	Version string
	// Tokens is where tokens come from.
	Tokens ranchersync.Tokens
	// Targets reads the targets in a configuration file; an empty path means the
	// usual one, which need not exist. nil: there are none.
	Targets func(path string) ([]FileTarget, error)
	// StateDir is the folder for what is remembered between runs, only hashes and
	// times; empty: nothing is.
	StateDir string
	// Log takes the lines that go to the log file; nil: none.
	Log ranchersync.Logger

	// Clock, Listen, RegistryTransport and Chance have defaults: the system's
	// clock, net.Listen, one for HTTPS, and math/rand/v2.
	Clock             ranchersync.Clock
	Listen            func(network, address string) (net.Listener, error)
	RegistryTransport http.RoundTripper
	Chance            func() float64
}

// FileTarget is one target of the configuration file. Empty fields are not set
// there.
type FileTarget struct {
	Where              string // file and line, for errors
	URL                string
	AccessKey          string
	SecretKeyFile      string
	Projects           []string
	Registries         []string // hosts
	RegistryIDs        []string // 12-digit accounts
	Regions            []string
	Profile            string
	RoleARN            string
	Email              string
	CAFile             string
	Create             bool
	Activate           bool
	VerifyRegistry     bool
	NoteExpiry         bool
	InsecureSkipVerify bool
}

// program is whose subcommand this is, when it is run without one above it.
const program = "docker-credential-ecr-login"

// exitError carries an exit code through cobra.
type exitError struct {
	code int
	err  error // nil when everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "failed"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Run runs the command with the arguments behind its name and returns the exit
// code. When ctx ends, writes under way are finished; a loop then returns 0.
func Run(ctx context.Context, args []string, deps Deps) int {
	deps = deps.withDefaults()
	cmd := newCommand(deps)
	cmd.SetArgs(append([]string{}, args...)) // not nil, for which cobra takes the program's own
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return ranchersync.ExitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		// Of the flags or the arguments: run was never reached.
		errors.As(failConfig(deps, understood(args), err), &exit)
	}
	if exit.err != nil {
		complain(deps.Err, exit.err)
	}
	return exit.code
}

// understood reads as much as can be understood of arguments with an error
// among them: enough to know in which form to report it.
func understood(args []string) options {
	var o options
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.ParseErrorsAllowlist.UnknownFlags = true
	f.Usage = func() {}
	f.StringVar(&o.output, "output", "", "")
	f.StringVar(&o.interval, "interval", "", "")
	dryRun := f.StringP("dry-run", "n", "", "") // whatever is given for it
	f.Lookup("dry-run").NoOptDefVal = "true"
	_ = f.Parse(args)                        // it is an error that is about to be reported
	o.dryRun, _ = strconv.ParseBool(*dryRun) // likewise
	o.given = f.Changed
	return o
}

// complain writes an error for people: the cause, then what to do.
func complain(w io.Writer, err error) {
	text := "error: " + err.Error() + "\n"
	if hint := ranchersync.HintOf(err); hint != "" {
		text += "  hint: " + hint + "\n"
	}
	_, _ = io.WriteString(w, text)
}

func newCommand(deps Deps) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "rancher-sync [flags]",
		Short: "Keep the ECR registries of a Rancher 1.x supplied with living tokens",
		Long:  long, Example: example,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: program + " rancher-sync"},
		SilenceErrors: true, SilenceUsage: true,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && !asksForHelp(args) {
				// Not quoted: it may be a secret that lost its flag.
				return configError("rancher-sync takes no arguments, only flags").WithHint("see rancher-sync --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if asksForHelp(args) {
				return cmd.Help()
			}
			if err := noEmptyFlags(cmd.Flags()); err != nil {
				return err
			}
			o.given = cmd.Flags().Changed
			return run(cmd.Context(), deps, o)
		},
	}
	cmd.SetIn(deps.In)
	cmd.SetOut(deps.Out)
	cmd.SetErr(deps.Err)
	o.register(cmd.Flags())
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd.Flags(), err) })
	cmd.SetHelpFunc(help)
	return cmd
}

// asksForHelp allows for help without dashes, as the program itself does.
func asksForHelp(args []string) bool { return len(args) == 1 && args[0] == "help" }

func (d Deps) withDefaults() Deps {
	if d.LookupEnv == nil {
		d.LookupEnv = func(string) (string, bool) { return "", false }
	}
	if d.In == nil {
		d.In = strings.NewReader("")
	}
	if d.Log == nil {
		d.Log = ranchersync.Silent{}
	}
	if d.Clock == nil {
		d.Clock = ranchersync.SystemClock{}
	}
	if d.Listen == nil {
		d.Listen = net.Listen
	}
	if d.Version == "" {
		d.Version = "unknown"
	}
	return d
}

// env returns a variable without surrounding space; an empty one is unset.
func (d Deps) env(name string) string {
	v, _ := d.LookupEnv(name)
	return strings.TrimSpace(v)
}

func configError(format string, args ...any) *ranchersync.Error {
	return ranchersync.Errorf(ranchersync.ReasonConfig, format, args...)
}

// tee gives every line to two loggers.
type tee struct{ a, b ranchersync.Logger }

func (t tee) Log(ctx context.Context, level slog.Level, msg string, args ...any) {
	t.a.Log(ctx, level, msg, args...)
	t.b.Log(ctx, level, msg, args...)
}
