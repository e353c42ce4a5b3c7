package awsecr

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
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
