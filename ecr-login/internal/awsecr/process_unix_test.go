//go:build unix

package awsecr

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// keys writes what a credential_process prints, for a session of role pull,
// and returns the file.
func (w *world) keys(change func(map[string]any)) string {
	w.t.Helper()
	k := w.aws.IssueSession(pull, "process", time.Hour)
	w.place(k.AccessKeyID, "{key}")
	w.place(k.Expires.Format(time.RFC3339), "{expires}")
	w.secrets = append(w.secrets, k.SecretAccessKey, k.SessionToken)
	out := map[string]any{
		"Version": 1, "AccessKeyId": k.AccessKeyID, "SecretAccessKey": k.SecretAccessKey,
		"SessionToken": k.SessionToken, "Expiration": k.Expires.Format(time.RFC3339),
	}
	if change != nil {
		change(out)
	}
	text, err := json.Marshal(out)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.file("keys.json", string(text))
}

// command makes a script the credential_process of profile prod.
func (w *world) command(script string) {
	w.t.Helper()
	path := w.file("process.sh", script)
	w.set(awsProfile, "prod").config("[profile prod]", "credential_process = sh "+path)
}

func TestWhatIsWrongWithTheCredentialProcess(t *testing.T) {
	t.Parallel()
	tell(t, toldOfProcesses())
}

func toldOfProcesses() []told {
	run := func(script string) func(*world) spec {
		return func(w *world) spec {
			w.command(strings.ReplaceAll(script, "KEYS", w.keys(nil)))
			return spec{}
		}
	}
	printed := func(change func(map[string]any)) func(*world) spec {
		return func(w *world) spec {
			w.command("cat " + w.keys(change))
			return spec{}
		}
	}
	return []told{
		{
			name:   "it fails and says why",
			want:   "the credential_process of profile prod ended with exit status 3: no such vault; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("cat KEYS; echo warming up >&2; printf 'no such vault\\n\\n' >&2; exit 3"),
		},
		{
			name:   "it fails and says nothing",
			want:   "the credential_process of profile prod ended with exit status 1; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("exit 1"),
		},
		{
			name:   "it says the keys",
			want:   "the credential_process of profile prod ended with exit status 1: {\"AccessKeyId\":\"{key}\",\"Expiration\":\"{expires}\",\"SecretAccessKey\":\"[redacted]\",\"SessionToken\":\"[redacted]\",\"Version\":1}; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("cat KEYS >&2; exit 1"),
		},
		{
			name:   "it says a lot",
			want:   "the credential_process of profile prod ended with exit status 1: the [31mlast word; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("i=0; while [ $i -lt 3000 ]; do echo 'a line of no interest, among many' >&2; i=$((i+1)); done; printf 'the \\033[31mlast\\tword' >&2; exit 1"),
		},
		{
			name:   "it is killed",
			want:   "the credential_process of profile default was ended by a signal (signal: killed); hint: run that command by hand",
			reason: ProcessFailed, prepare: func(w *world) spec {
				w.config("[default]", "credential_process = kill -9 $$")
				return spec{}
			},
		},
		{
			name:   "it prints nothing",
			want:   "the credential_process of profile prod printed nothing; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("echo"),
		},
		{
			name:   "it prints no JSON",
			want:   "the credential_process of profile prod did not print the JSON that AWS documents: see the manual; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("cat KEYS; echo Have a nice day; echo see the manual >&2"),
		},
		{
			name:   "it prints half of it",
			want:   "the credential_process of profile prod did not print the JSON that AWS documents; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("head -c 100 KEYS"),
		},
		{
			name:   "it prints too much",
			want:   "the credential_process of profile prod printed more than 1 MiB; hint: run that command by hand",
			reason: ProcessFailed, prepare: run("cat KEYS; head -c 3000000 /dev/zero"),
		},
		{
			name:   "it prints another version",
			want:   "the credential_process of profile prod printed Version 2, and only 1 is known; hint: run that command by hand",
			reason: ProcessFailed, prepare: printed(func(m map[string]any) { m["Version"] = 2 }),
		},
		{
			name:   "it prints no key ID",
			want:   "the credential_process of profile prod printed no AccessKeyId; hint: run that command by hand",
			reason: ProcessFailed, prepare: printed(func(m map[string]any) { delete(m, "AccessKeyId") }),
		},
		{
			name:   "it prints no secret key",
			want:   "the credential_process of profile prod printed no SecretAccessKey; hint: run that command by hand",
			reason: ProcessFailed, prepare: printed(func(m map[string]any) { delete(m, "SecretAccessKey") }),
		},
		{
			name:   "it prints a secret key of another type",
			want:   "the credential_process of profile prod did not print the JSON that AWS documents; hint: run that command by hand",
			reason: ProcessFailed, prepare: printed(func(m map[string]any) { m["SecretAccessKey"] = []any{m["SecretAccessKey"]} }),
		},
		{
			name:   "there is no shell to run it",
			want:   "the credential_process of profile prod could not be run (executable file not found in $PATH); hint: run that command by hand",
			reason: ProcessFailed, prepare: func(w *world) spec {
				w.command("")
				w.set("PATH", w.home)
				return spec{}
			},
		},
		{
			name:   "it hangs",
			want:   "the credential_process of profile prod did not end in time: waiting for a browser; hint: run that command by hand: it must not wait for anybody; or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				w.command("echo waiting for a browser >&2; sleep 60")
				return spec{Timeout: 500 * time.Millisecond}
			},
		},
		{
			name:   "it hangs behind a role",
			want:   "the credential_process of profile prod did not end in time; hint: run that command by hand: it must not wait for anybody; or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				w.command("sleep 60")
				return spec{RoleARN: pull, Timeout: 300 * time.Millisecond}
			},
		},
		{
			name:   "the user gives it up",
			want:   "interrupted while getting a token for ECR in eu-west-1",
			reason: Cancelled, prepare: func(w *world) spec {
				w.command("sleep 60")
				return spec{CancelIn: 300 * time.Millisecond}
			},
		},
		{
			name:   "its keys have expired",
			want:   "the temporary AWS keys have expired: credential_process (profile prod); hint: run the credential_process of profile prod by hand: it hands out keys that have expired",
			reason: ExpiredKeys, prepare: func(w *world) spec {
				w.expired(func(k awstest.Key) {
					w.command("cat " + w.keys(func(m map[string]any) {
						m["AccessKeyId"], m["SecretAccessKey"], m["SessionToken"] = k.AccessKeyID, k.SecretAccessKey, k.SessionToken
					}))
				})
				return spec{}
			},
		},
		{
			name:   "its keys may not assume the role",
			want:   "not allowed to assume arn:aws:iam::444455556666:role/other: User: arn:aws:sts::111122223333:assumed-role/pull/process is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/other; hint: check that the role exists, its trust policy and external ID, and that the caller may sts:AssumeRole",
			reason: RoleDenied, prepare: func(w *world) spec {
				w.command("cat " + w.keys(nil))
				return spec{RoleARN: "arn:aws:iam::444455556666:role/other"}
			},
		},
	}
}

func TestACredentialProcessSeesNothingOfOurClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
	seen := filepath.Join(w.home, "seen")
	// The harness looks at standard error.
	w.command("cat > " + seen + "; echo chatter >&2; cat " + w.keys(nil))
	if o := w.fetch(spec{}); o.Sentence != "" {
		t.Fatal(o.Sentence)
	}
	if text, err := os.ReadFile(seen); err != nil || len(text) > 0 {
		t.Errorf("it read %q from standard input (%v)", text, err)
	}
}

// gone waits for a process to end.
func gone(pid int) bool {
	for range 100 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// zombie tells a process that has ended and waits for a parent that may never
// look, as in a container without an init.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, ok := strings.Cut(string(text), ") ")
	return ok && strings.HasPrefix(after, "Z")
}

func (w *world) pid(name string) int {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.home, name))
	if err != nil {
		w.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		w.t.Fatal(err)
	}
	return pid
}

func TestWhatAHangingProcessStartedDiesWithIt(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]spec{
		"at the deadline":         {Timeout: 500 * time.Millisecond},
		"when the user gives up":  {CancelIn: 500 * time.Millisecond},
		"in the chain of a role":  {Timeout: 500 * time.Millisecond, RoleARN: pull},
		"of an unknown principal": {Timeout: 500 * time.Millisecond, Anonymous: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			// The shell and its child do not listen to polite signals, and the
			// child holds our pipes open.
			w.command("trap '' TERM INT HUP\nsh -c \"trap '' TERM INT HUP; echo \\$\\$ > " + w.home + "/child; while :; do sleep 1; done\" &\n" +
				"echo $$ > " + w.home + "/shell; wait")
			begin := time.Now()
			if o := w.fetch(s); o.Reason != TimedOut && o.Reason != Cancelled {
				t.Errorf("%s: %s", o.Reason, o.Sentence)
			}
			if d := time.Since(begin); d > 3*time.Second {
				t.Errorf("it took %v", d)
			}
			for _, name := range []string{"shell", "child"} {
				if pid := w.pid(name); !gone(pid) {
					t.Errorf("the %s is still there", name)
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		})
	}
}

// The SDK repeats whatever mentions a connection that was reset, and with it
// the command that spoke of one.
func TestACredentialProcessIsRunOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
	w.command("echo run >> " + w.home + "/runs; echo 'read: connection reset by peer' >&2; exit 1")
	if o := w.fetch(spec{}); o.Reason != ProcessFailed {
		t.Errorf("%s: %s", o.Reason, o.Sentence)
	}
	if runs, err := os.ReadFile(filepath.Join(w.home, "runs")); err != nil || string(runs) != "run\n" {
		t.Errorf("it ran %d times (%v)", strings.Count(string(runs), "run"), err)
	}
}

func TestAProcessMayLeaveSomethingRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
	// An agent, say, that keeps our pipe open.
	w.command("sleep 60 & echo $! > " + w.home + "/agent; cat " + w.keys(nil))
	o := w.fetch(spec{})
	if o.Sentence != "" || o.Elapsed > 5*time.Second {
		t.Errorf("after %v: %s", o.Elapsed, o.Sentence)
	}
	agent := w.pid("agent")
	if err := syscall.Kill(agent, 0); err != nil {
		t.Errorf("the agent is gone: %v", err)
	}
	_ = syscall.Kill(agent, syscall.SIGKILL)
}

// The chain of roles around a credential_process or an aws login session is
// put together by us. It must ask STS for the very thing that the SDK's own
// chain asks for.
func TestRolesAroundAProcessAreTheSDKsOwn(t *testing.T) {
	t.Parallel()
	const outer = "arn:aws:iam::444455556666:role/path/outer"
	tests := map[string][]string{
		"no role":                       {"[profile top]", "PROCESS"},
		"a role":                        {"[profile top]", "role_arn = " + pull, "source_profile = src", "[profile src]", "PROCESS"},
		"a role with its own process":   {"[profile top]", "role_arn = " + pull, "credential_process = PLAIN"},
		"a role of its own profile":     {"[profile top]", "role_arn = " + pull, "source_profile = top", "aws_access_key_id = " + keyID, "aws_secret_access_key = " + secret, "[profile src]", "PROCESS"},
		"an external ID":                {"[profile top]", "role_arn = " + pull, "source_profile = src", "external_id = abc 123", "[profile src]", "PROCESS"},
		"a session name":                {"[profile top]", "role_arn = " + pull, "source_profile = src", "role_session_name = me@here", "[profile src]", "PROCESS"},
		"a duration":                    {"[profile top]", "role_arn = " + pull, "source_profile = src", "duration_seconds = 3600", "[profile src]", "PROCESS"},
		"the shortest duration":         {"[profile top]", "role_arn = " + pull, "source_profile = src", "duration_seconds = 900", "[profile src]", "PROCESS"},
		"a duration of broken minutes":  {"[profile top]", "role_arn = " + pull, "source_profile = src", "duration_seconds = 1001", "[profile src]", "PROCESS"},
		"less than a minute above":      {"[profile top]", "role_arn = " + pull, "source_profile = src", "duration_seconds = 959", "[profile src]", "PROCESS"},
		"a minute above":                {"[profile top]", "role_arn = " + pull, "source_profile = src", "duration_seconds = 960", "[profile src]", "PROCESS"},
		"a role upon a role":            {"[profile top]", "role_arn = " + outer, "source_profile = mid", "external_id = o", "[profile mid]", "role_arn = " + pull, "source_profile = src", "role_session_name = mid", "duration_seconds = 1800", "[profile src]", "PROCESS"},
		"a source with a role":          {"[profile top]", "role_arn = " + outer, "source_profile = src", "[profile src]", "PROCESS", "role_arn = " + pull},
		"an aws login session":          {"[profile top]", "login_session = arn:aws:iam::111122223333:user/bob"},
		"an aws login session, renewed": {"[profile top]", "login_session = arn:aws:iam::111122223333:user/bob"},
	}
	for name, lines := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			w.aws.AddRole(awstest.Role{ARN: pull, Trust: []string{"*"}, MaxSession: 12 * time.Hour})
			w.aws.AddRole(awstest.Role{ARN: outer, Trust: []string{"*"}, MaxSession: 12 * time.Hour})
			plain := "cat " + w.keys(nil)
			text := strings.NewReplacer("PROCESS", "credential_process = "+plain, "PLAIN", plain).Replace(strings.Join(lines, "\n"))
			w.config(text)
			ask := func(sdk bool) string {
				login, err := w.aws.LoginConsole(awstest.Login{Principal: "arn:aws:iam::111122223333:user/bob"})
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(name, "renewed") {
					login.AccessToken.ExpiresAt = time.Now().Add(-time.Minute)
				}
				if _, err := login.WriteCache(w.home); err != nil {
					t.Fatal(err)
				}
				w.aws.ResetRequests()
				if o := w.fetch(spec{Profile: "top", SDK: sdk, RoleARN: ""}); o.Sentence != "" {
					t.Fatalf("SDK %v: %s (%s)", sdk, o.Sentence, o.Chain)
				}
				var said []string
				for _, r := range w.aws.Requests() {
					// A session that nobody named is named after the time.
					for k, v := range r.Params {
						if i := strings.Index(v, "aws-go-sdk-"); i >= 0 {
							r.Params[k] = "aws-go-sdk-…"
						}
					}
					principal, _, _ := strings.Cut(r.Principal, "aws-go-sdk-")
					said = append(said, fmt.Sprintf("%s %s %s %v", r.Op, r.Region, principal, r.Params))
				}
				return strings.Join(said, "\n")
			}
			if ours, theirs := ask(false), ask(true); ours != theirs {
				t.Errorf("we ask\n%s\nthe SDK asks\n%s", ours, theirs)
			}
		})
	}
}
