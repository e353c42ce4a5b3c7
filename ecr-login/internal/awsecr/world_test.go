package awsecr

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

// sha1Name is how the SDK names the file of an SSO session, without its ending.
func sha1Name(key string) string {
	sum := sha1.Sum([]byte(key))
	return hex.EncodeToString(sum[:])
}

func (w *world) overwrite(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// refuseSignin answers as the sign-in service does when it renews no session.
func refuseSignin(why string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"error":%q,"message":"no"}`, why)
		return true
	}
}

// say answers with plain text.
func say(status int, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return true
	}
}

func sayJSON(status int, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return true
	}
}

// nobody is an address where nobody listens.
func nobody() string {
	// Not a port that was free a moment ago: another test may be given it. Port
	// 1 is never given out.
	return "127.0.0.1:1"
}

func recorder(t *testing.T) *awstest.Recorder {
	t.Helper()
	r, err := awstest.NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func hostOf(url string) string { return url[strings.Index(url, "://")+3:] }
