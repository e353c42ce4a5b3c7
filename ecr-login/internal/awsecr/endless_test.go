package awsecr

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One after the other: the variables belong to the process.
func TestFilesWithoutEndAreRefusedBeforeTheyAreRead(t *testing.T) {
	sparse := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(sparse)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<32), f.Close()); err != nil {
		t.Fatal(err)
	}
	devices := map[string]string{sparse: "larger than 8 MiB"}
	if _, err := os.Stat("/dev/zero"); err == nil {
		devices["/dev/zero"] = "a device"
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		for path, why := range devices {
			t.Run(name+"="+filepath.Base(path), func(t *testing.T) {
				t.Setenv("AWS_CONFIG_FILE", os.DevNull)
				t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
				t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/x")
				t.Setenv(name, path)
				_, err := Fetcher{}.Fetch(t.Context(), Request{})
				var e *Error
				if !errors.As(err, &e) || e.Reason != BrokenSharedConfig || !strings.Contains(e.Cause, path) || !strings.Contains(e.Cause, why) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
