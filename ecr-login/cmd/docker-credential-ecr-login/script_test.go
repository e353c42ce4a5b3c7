//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// TestScripts runs testdata/script. Each script is the user alice, whose home
// directory is $HOME, with a fake AWS of her own. See the functions named cmd…
// for the commands.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			server, err := startAWS()
			if err != nil {
				return err
			}
			e.Defer(func() {
				if err := server.Close(); err != nil {
					panic(err)
				}
			})
			e.Values[awsKey{}] = server
			home := filepath.Join(e.WorkDir, "home")
			for k, v := range environment(server, home) {
				e.Setenv(k, v)
			}
			e.Setenv("IRISH", irish)
			e.Setenv("GERMAN", german)
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"helper":  cmdHelper,
			"answer":  cmdAnswer,
			"aws":     cmdAWS,
			"age":     cmdAge,
			"entries": cmdEntries,
			"mode":    cmdMode,
			"lines":   cmdLines,
		},
	})
}

type awsKey struct{}

func awsOf(ts *testscript.TestScript) *awstest.Server {
	server, ok := ts.Value(awsKey{}).(*awstest.Server)
	if !ok {
		ts.Fatalf("there is no fake AWS")
	}
	return server
}

// cmdHelper runs the program as clients do and checks what they rely on: exit
// code 0 or 1, nothing on standard error, and a failure in one line.
//
//	[!] helper [-sh COMMANDS] [-within DURATION] [-stderr] [-to FILE] VERB [INPUT | @FILE]
//
// The commands of -sh run in the same shell before the program; -to redirects
// standard output; -stderr allows output there, which else is an error.
func cmdHelper(ts *testscript.TestScript, neg bool, args []string) {
	var before, to string
	within, stderr := time.Minute, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] == "--" {
			args = args[1:]
			break
		}
		switch flag := args[0]; {
		case flag == "-stderr":
			stderr = true
			args = args[1:]
			continue
		case len(args) < 2:
			ts.Fatalf("%s wants a value", flag)
		case flag == "-sh":
			before = args[1] + "\n"
		case flag == "-to":
			to = " >" + args[1]
		case flag == "-within":
			var err error
			within, err = time.ParseDuration(args[1])
			ts.Check(err)
		default:
			ts.Fatalf("unknown flag %s", flag)
		}
		args = args[2:]
	}
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: helper [flags] VERB [INPUT | @FILE]")
	}
	input := ""
	if len(args) == 2 {
		if file, ok := strings.CutPrefix(args[1], "@"); ok {
			input = ts.ReadFile(file)
		} else {
			input = args[1]
		}
	}
	stdin := filepath.Join(ts.Getenv("WORK"), ".stdin")
	ts.Check(os.WriteFile(stdin, []byte(input), 0o600))

	start := time.Now()
	err := ts.Exec("sh", "-c", "exec <\"$1\"\n"+before+"exec "+name+" \"$2\""+to, "sh", stdin, args[0])
	took := time.Since(start)
	r := result{0, ts.ReadFile("stdout"), ts.ReadFile("stderr"), took}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if stderr {
		r.stderr = ""
	}
	switch problem := r.failure(); {
	case took > within:
		ts.Fatalf("took %v", took)
	case !neg && (r.code != 0 || r.stderr != ""):
		ts.Fatalf("it should have succeeded: %s", r)
	case neg && to != "" && r.code == 0:
		ts.Fatalf("it should have failed: %s", r)
	case neg && to == "" && problem != nil:
		ts.Fatalf("it should have failed properly: %v: %s", problem, r)
	}
}

// cmdAnswer checks that standard output is the answer to a get of a server
// address, with a password that AWS issued and still takes.
//
//	answer SERVER [as PRINCIPAL] [same | new] [in REGION]
//
// Same and new compare the password with that of the last answer.
func cmdAnswer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: answer SERVER [as PRINCIPAL] [same | new] [in REGION]")
	}
	password, err := passwordIn(awsOf(ts), ts.ReadFile("stdout"), args[0])
	ts.Check(err)
	issued, _ := awsOf(ts).Issued(password)
	for args = args[1:]; len(args) > 0; args = args[1:] {
		switch {
		case args[0] == "same" && password != ts.Getenv("PASSWORD"):
			ts.Fatalf("the password is another one")
		case args[0] == "new" && password == ts.Getenv("PASSWORD"):
			ts.Fatalf("the password is the same")
		case args[0] == "same" || args[0] == "new":
		case len(args) < 2:
			ts.Fatalf("%s wants a value", args[0])
		case args[0] == "as" && issued.Principal != args[1]:
			ts.Fatalf("the password is that of %s", issued.Principal)
		case args[0] == "in" && issued.Region != args[1]:
			ts.Fatalf("the password is for %s", issued.Region)
		default:
			args = args[1:]
		}
	}
	ts.Setenv("PASSWORD", password)
}

// ops names operations of AWS in scripts.
func ops() map[string]awstest.Op {
	return map[string]awstest.Op{
		"ecr": awstest.OpECRToken, "public": awstest.OpPublicToken,
		"assume": awstest.OpAssumeRole, "any": "*",
	}
}

// cmdAWS operates the fake AWS.
//
//	aws count OP N                  OP was called N times since the last count
//	aws param OP NAME VALUE         the last call of OP had a parameter
//	aws fail OP CODE                OP fails with an error code
//	aws hang OP                     OP never answers
//	aws drop OP                     OP is cut off before it answers
//	aws heal                        no failure any more
//	aws deny PRINCIPAL OP           OP is denied to a principal
//	aws user NAME KEYID SECRET      a user with a key
//	aws role ARN [EXTERNAL-ID]      a role that anybody may assume
//	aws life DURATION               tokens live that long
//	aws skew DURATION               the clock of AWS is that far ahead
func cmdAWS(ts *testscript.TestScript, neg bool, args []string) {
	server := awsOf(ts)
	arg := func(i int) string {
		if i >= len(args) {
			ts.Fatalf("aws %s wants more arguments", strings.Join(args, " "))
		}
		return args[i]
	}
	op := func(i int) awstest.Op {
		o, ok := ops()[arg(i)]
		if !ok {
			ts.Fatalf("unknown operation %s", arg(i))
		}
		return o
	}
	length := func(i int) time.Duration {
		d, err := time.ParseDuration(arg(i))
		ts.Check(err)
		return d
	}
	if neg {
		ts.Fatalf("aws takes no !")
	}
	switch arg(0) {
	case "count":
		if got := server.Count(op(1)); strconv.Itoa(got) != arg(2) {
			ts.Fatalf("%s was called %d times", op(1), got)
		}
		server.ResetRequests()
	case "param":
		requests := server.Requests(op(1))
		if len(requests) == 0 || requests[len(requests)-1].Params[arg(2)] != arg(3) {
			ts.Fatalf("no such call: %v", requests)
		}
	case "fail":
		server.Inject(op(1), awstest.Fault{Kind: awstest.Refuse, Code: arg(2)})
	case "hang":
		server.Inject(op(1), awstest.Fault{Kind: awstest.Hang})
	case "drop":
		server.Inject(op(1), awstest.Fault{Kind: awstest.DropBeforeHeaders})
	case "heal":
		server.ClearFaults()
	case "deny":
		server.Deny(arg(1), op(2))
	case "user":
		server.AddUser(arg(1), arg(2), arg(3))
	case "role":
		role := awstest.Role{ARN: arg(1), Trust: []string{"*"}}
		if len(args) > 2 {
			role.ExternalID = args[2]
		}
		server.AddRole(role)
	case "life":
		server.SetTokenLife(length(1))
	case "skew":
		server.SetSkew(length(1))
	default:
		ts.Fatalf("unknown command aws %s", args[0])
	}
}

// cmdAge makes every cached token older.
//
//	age DURATION [DIR]
func cmdAge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: age DURATION")
	}
	by, err := time.ParseDuration(args[0])
	ts.Check(err)
	ts.Check(age(filepath.Join(ts.Getenv("HOME"), ".ecr"), by))
}

// cmdEntries checks how many tokens are kept.
//
//	entries N [DIR]
func cmdEntries(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: entries N [DIR]")
	}
	dir := filepath.Join(ts.Getenv("HOME"), ".ecr")
	if len(args) == 2 {
		dir = ts.MkAbs(args[1])
	}
	files, err := entries(dir)
	ts.Check(err)
	if strconv.Itoa(len(files)) != args[0] {
		ts.Fatalf("%d tokens are kept: %v", len(files), files)
	}
}

// cmdMode checks the permissions of files.
//
//	mode PERM FILE…
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode PERM FILE...")
	}
	for _, pattern := range args[1:] {
		files, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		if len(files) == 0 {
			ts.Fatalf("there is no %s", pattern)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			ts.Check(err)
			if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
				ts.Fatalf("%s has the mode %s", file, got)
			}
		}
	}
}

// cmdLines checks how many lines a file has; one that does not exist has none.
//
//	lines N FILE
func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines N FILE")
	}
	content, err := os.ReadFile(ts.MkAbs(args[1]))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Check(err)
	}
	if n := strings.Count(string(content), "\n"); strconv.Itoa(n) != args[0] {
		ts.Fatalf("%s has %d lines:\n%s", args[1], n, content)
	}
}
