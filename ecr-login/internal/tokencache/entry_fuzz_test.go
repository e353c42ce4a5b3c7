package tokencache

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// FuzzDecode feeds file contents, both as they are and with a right checksum
// put on, so that what lies behind the checksum is reached as well.
func FuzzDecode(f *testing.F) {
	k := NewKey([32]byte{1}, registry.Endpoint{Service: registry.Private, Region: "eu-west-1"})
	good, err := encode(k, Entry{
		Token: token.Token{
			User: "AWS", Password: token.NewPassword("p"),
			Issued: time.UnixMilli(1), Refresh: time.UnixMilli(2), Expires: time.UnixMilli(3),
		},
		Hosts: []string{"h"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[len(head)+sumLen:])
	f.Add([]byte("null"))
	f.Add([]byte(beforePassword + "cA==" + beforeEntry + `{"version":1,"key":null,"hosts":null,"issued":1e400}` + tail))
	f.Fuzz(func(t *testing.T, data []byte) {
		check := func(e Entry, ok bool) {
			if ok && (e.Token.User == "" || e.Token.Password.Reveal() == "" || e.Token.Expires.Before(e.Token.Issued)) {
				t.Errorf("accepted %+v", e)
			}
		}
		check(decode(data, k))
		sum := sha256.Sum256(data)
		check(decode([]byte(head+hex.EncodeToString(sum[:])+string(data)), k))
	})
}
