package awsecr

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func encode(s string) *string { return aws.String(base64.StdEncoding.EncodeToString([]byte(s))) }

func TestWhatAnAnswerMustHold(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	later, before, zero := now.Add(12*time.Hour), now.Add(-time.Second), time.Time{}
	tests := []struct {
		name string
		a    answer
		want error
	}{
		{"user and password", answer{encoded: encode("AWS:password"), expires: &later}, nil},
		{"a password with colons", answer{encoded: encode("AWS:pass:word:"), expires: &later}, nil},
		{"a password of 4096 bytes", answer{encoded: encode("AWS:" + strings.Repeat("x", 4096)), expires: &later}, nil},
		{"a password as long as can be", answer{encoded: encode("AWS:" + strings.Repeat("x", maxToken-4)), expires: &later}, nil},
		{"a password that is too long", answer{encoded: encode("AWS:" + strings.Repeat("x", maxToken)), expires: &later}, errTokenTooBig},
		{"a password that is far too long", answer{encoded: aws.String(strings.Repeat("A", 1<<20)), expires: &later}, errTokenTooBig},
		{"nothing", answer{}, errNoToken},
		{"an empty token", answer{encoded: aws.String(""), expires: &later}, errNoToken},
		{"no expiry", answer{encoded: encode("AWS:password")}, errNoExpiry},
		{"the zero time", answer{encoded: encode("AWS:password"), expires: &zero}, errNoExpiry},
		{"an expiry that has passed", answer{encoded: encode("AWS:password"), expires: &before}, errBornExpired},
		{"an expiry that is just passing", answer{encoded: encode("AWS:password"), expires: &now}, errBornExpired},
		{"no base64", answer{encoded: aws.String("AWS:password"), expires: &later}, errNotBase64},
		{"base64 for URLs", answer{encoded: aws.String("QVdTOn5-fn4_Pz8_"), expires: &later}, errNotBase64},
		{"no colon", answer{encoded: encode("AWSpassword"), expires: &later}, errNotAPair},
		{"no user", answer{encoded: encode(":password"), expires: &later}, errNotAPair},
		{"no password", answer{encoded: encode("AWS:"), expires: &later}, errNotAPair},
		{"a line break in the password", answer{encoded: encode("AWS:pass\nword"), expires: &later}, errControl},
		{"a NUL in the user", answer{encoded: encode("A\x00WS:password"), expires: &later}, errControl},
		{"bytes that are no text", answer{encoded: encode("AWS:\xff\xfe"), expires: &later}, errControl},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.a.token(now, now, 0)
			if !errors.Is(err, test.want) {
				t.Fatalf("%v, want %v", err, test.want)
			}
			if err == nil && (got.User != "AWS" || got.Password.Reveal() == "" || !got.Expires.Equal(later)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{*encode("AWS:password"), *encode("AWS:"), *encode(":"), "", "%%%", *encode("A\x00:\n"), *encode("\xff:\xff"), strings.Repeat("A", 70000)} {
		f.Add(s, int64(43200), int64(0), "")
		f.Add(s, int64(-1), int64(3600), "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com")
	}
	f.Add(*encode("AWS:x"), int64(1)<<62, int64(-1)<<62, "\x00")
	f.Fuzz(func(t *testing.T, encoded string, life, skew int64, proxy string) {
		expires := now.Add(time.Duration(life) * time.Second)
		a := answer{encoded: &encoded, expires: &expires, proxy: &proxy}
		got, err := a.token(now.Add(time.Duration(skew)*time.Second), now, 0.5)
		if err != nil {
			if got.User != "" || got.Password.Reveal() != "" {
				t.Errorf("a token beside the error %v", err)
			}
			if len(err.Error()) > 100 || len(encoded) > 8 && strings.Contains(err.Error(), encoded) {
				t.Errorf("the error quotes the answer: %v", err)
			}
			return
		}
		if got.User == "" || got.Password.Reveal() == "" || strings.Contains(got.User, ":") || got.Expired(now) {
			t.Errorf("%+v out of %q", got, encoded)
		}
		if pair := got.User + ":" + got.Password.Reveal(); *encode(pair) != encoded && base64Of(encoded) != pair {
			t.Errorf("%q became %q", encoded, pair)
		}
		if strings.ContainsAny(got.User+got.Password.Reveal(), "\x00\r\n") {
			t.Errorf("control characters in %q", got.User+got.Password.Reveal())
		}
	})
}

func base64Of(s string) string {
	decoded, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(decoded)
}
