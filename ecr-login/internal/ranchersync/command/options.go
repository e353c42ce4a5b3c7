package command

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// options are the flags.
type options struct {
	given func(flag string) bool

	url, accessKey, secretKey, secretKeyFile string
	projects                                 []string
	caFile                                   string
	insecure                                 bool

	registries, registryIDs, regions []string
	create, activate, force          bool

	profile, roleARN, email string
	verifyRegistry          bool
	noteExpiry              bool

	interval    string
	listen      string
	dryRun      bool
	concurrency int
	timeout     time.Duration

	output, logLevel, config string
}

func (o *options) register(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.url, "url", "", "`URL` of Rancher, with or without /v2-beta or /v1 and /projects/<id>\n(environment: PLATFORM_URL, CATTLE_URL)")
	f.StringVar(&o.accessKey, "access-key", "", "access `KEY` of an environment API key\n(PLATFORM_ACCESS_KEY, CATTLE_ENVIRONMENT_ACCESS_KEY, CATTLE_ACCESS_KEY)")
	f.StringVar(&o.secretKeyFile, "secret-key-file", "", "`FILE` with the secret key; - for standard input\n(PLATFORM_SECRET_KEY, CATTLE_ENVIRONMENT_SECRET_KEY, CATTLE_SECRET_KEY hold the key itself)")
	f.StringVar(&o.secretKey, "secret-key", "", "the secret `KEY` itself, for everybody on this machine to see; better use a file")
	f.StringArrayVar(&o.projects, "project", nil, "`ID` of an environment, such as 1a5; repeatable\n(default: the one in the URL, or else the key's own)")

	f.StringArrayVar(&o.registries, "registry", nil, "`HOST` of an ECR registry to keep fresh; repeatable")
	f.StringArrayVar(&o.registryIDs, "registry-ids", nil, "AWS `ACCOUNTS`, separated by commas, whose registries in the regions to keep fresh\n(AWS_ECR_REGISTRY_IDS)")
	f.StringArrayVar(&o.regions, "region", nil, "AWS `REGION` for --registry-ids; alone, only registries there are kept fresh; repeatable\n(AWS_REGION, for --registry-ids and --create)")
	f.BoolVar(&o.create, "create", false, "add registries and credentials that are asked for and missing; without --registry and\n--registry-ids that is the AWS account's own registry in the region (AUTO_CREATE)")
	f.BoolVar(&o.activate, "activate", false, "activate registries and credentials that are inactive")
	f.BoolVar(&o.force, "force", false, "push even where the token pushed before is still good")

	f.StringVar(&o.profile, "profile", "", "AWS `PROFILE` for the tokens, in place of what get would use")
	f.StringVar(&o.roleARN, "role-arn", "", "`ARN` of an IAM role to assume for the tokens (AWS_ROLE_ARN)")
	f.StringVar(&o.email, "email", "", "`ADDRESS` to write into credentials, for Rancher's old API")
	f.BoolVar(&o.verifyRegistry, "verify-registry", false, "try each token against its registry before it is pushed")
	f.BoolVar(&o.noteExpiry, "expiry-in-description", false, "note a token's end in the credential's description, so that other machines know it too")

	f.StringVar(&o.interval, "interval", "", "run for ever, once every `TIME`, such as 6h; without it, once (RANCHER_SYNC_INTERVAL)")
	f.StringVar(&o.listen, "listen", "", "`ADDRESS` or port for health, metrics and status while running for ever; off for none\n(LISTEN_PORT; default :8080)")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "say what would be done and change nothing in Rancher")

	f.StringVar(&o.caFile, "ca-file", "", "`FILE` with certificates (PEM) of authorities to trust for Rancher, besides the system's")
	f.BoolVar(&o.insecure, "insecure-skip-tls-verify", false, "accept any certificate of Rancher, and with it anybody who listens in")
	f.IntVar(&o.concurrency, "concurrency", ranchersync.DefaultConcurrency, "at most `N` requests at a time")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "end a run that takes longer than `TIME`")
	f.StringVar(&o.output, "output", "text", "`FORMAT` of the report: text or json; the shape of the JSON is in docs/rancher.md")
	f.StringVar(&o.logLevel, "log-level", "", "`LEVEL` of the lines on standard error: debug, info, warn or error\n(LOG_LEVEL; default: info when running for ever, else warn)")
	f.StringVar(&o.config, "config", "", "configuration `FILE` (default: that of the other commands)")
}

const long = `Keep the ECR registries of a Rancher 1.x environment supplied with living tokens.

Rancher stores a user name and a password for each registry, and ECR's passwords
die after twelve hours. This looks at what Rancher has, says what it is going to
do, pushes tokens where the ones before will not last, and reads back whether a
pull would now use them. A second run right after does nothing.

Without flags it reads the environment that Rancher gives a container with the
labels io.rancher.container.create_agent: 'true' and
io.rancher.container.agent.role: environment, and that of the two updaters
before it: nothing has to change to replace them.

Which registries: those named with --registry and --registry-ids, or else every
ECR registry that Rancher has. Others are never touched, and nothing is ever
deleted.`

const example = `  # what would happen?
  docker-credential-ecr-login rancher-sync --url https://rancher.example.com \
    --access-key ABC --secret-key-file /run/secrets/cattle --dry-run

  # two environments of one account key, one registry, added where it is missing
  docker-credential-ecr-login rancher-sync --url https://rancher.example.com \
    --access-key ABC --secret-key-file key --project 1a5 --project 1a7 \
    --registry 111122223333.dkr.ecr.eu-west-1.amazonaws.com --create

  # for ever, with health checks on port 8080
  docker-credential-ecr-login rancher-sync --interval 6h`

// help writes what --help shows. It is no template: cobra links text/template
// only for those who give it one, and that keeps every method of every type in
// the binary.
func help(cmd *cobra.Command, _ []string) {
	flags := strings.TrimRight(cmd.LocalFlags().FlagUsages(), " \n")
	_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nUsage:\n  %s [flags]\n\nExamples:\n%s\n\nFlags:\n%s\n\n%s",
		cmd.Long, cmd.CommandPath(), cmd.Example, flags, exitCodes)
}

const exitCodes = `Exit codes:
  0  all in order, or nothing to do
  1  a target failed
  2  the configuration cannot work
  3  Rancher refused the keys
  4  AWS gave no token
  5  pushed, but a pull would not use it
`

// flagError adds to an error about flags which flag may have been meant.
func flagError(f *pflag.FlagSet, err error) error {
	e := &ranchersync.Error{Reason: ranchersync.ReasonConfig, Err: err, Hint: "see rancher-sync --help"}
	if text, _, cut := strings.Cut(err.Error(), "="); cut {
		e.Err = errors.New(text) // what was given may be a secret behind a mistyped flag
	}
	if text, _, cut := strings.Cut(e.Err.Error(), " in -"); cut {
		e.Err = errors.New(text) // likewise, as in -uKEY:SECRET
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if near := nearest(f, unknown); near != "" {
			e.Hint = "did you mean --" + near + "?"
		}
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		// Without quoting the value twice, and without Go's own words.
		e.Err = errors.New("--" + invalid.GetFlag().Name + " cannot be " + quote(invalid.GetValue()))
		if invalid.GetFlag().Value.Type() == "duration" {
			e.Hint = "write a duration such as 90s, 10m or 6h"
		}
	}
	return e
}

// nearest is the flag that may have been meant by one that does not exist: no
// more than a third of the longer name is different.
func nearest(f *pflag.FlagSet, unknown *pflag.NotExistError) string {
	name := unknown.GetSpecifiedName()
	if letters, _, _ := strings.Cut(unknown.GetSpecifiedShortnames(), "="); letters != "" {
		name = letters // as in -output, with one dash too few
	}
	best, bestDistance := "", math.MaxInt
	f.VisitAll(func(flag *pflag.Flag) {
		d := distance(name, flag.Name)
		if d < bestDistance && 3*d <= max(len(name), len(flag.Name)) {
			best, bestDistance = flag.Name, d
		}
	})
	return best
}

// noEmptyFlags refuses flags that were given without anything in them. In a
// script that is a variable that is not set, and to go on with a default could
// mean another Rancher, another AWS account or other authorities.
func noEmptyFlags(f *pflag.FlagSet) error {
	var err error
	f.Visit(func(flag *pflag.Flag) {
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			if err == nil && strings.TrimSpace(value) == "" {
				err = configError("--%s is empty", flag.Name).WithHint("leave --%s out, or give it a value", flag.Name)
			}
		}
	})
	return err
}

// distance is the number of letters to add, drop or change from a to b.
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// quote shows a short value and hides one that could be a secret.
func quote(s string) string {
	if len(s) > 32 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return "what was given"
	}
	return `"` + s + `"`
}
