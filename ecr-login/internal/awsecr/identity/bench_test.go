package identity

import (
	"fmt"
	"strings"
	"testing"
)

// manyProfiles is a shared config of n profiles of several kinds.
func manyProfiles(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "# team %d\n[profile team%d]\nregion = eu-west-1\noutput = json\n", i, i)
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "role_arn = arn:aws:iam::%012d:role/pull\nsource_profile = base\n", i)
		case 1:
			fmt.Fprintf(&b, "sso_session = corp\nsso_account_id = %012d\nsso_role_name = ReadOnly\n", i)
		case 2:
			fmt.Fprintf(&b, "credential_process = \"/usr/bin/vault-aws\" --account %012d\n", i)
		}
		b.WriteString("\n")
	}
	b.WriteString("[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n")
	b.WriteString("[profile prod]\nrole_arn = arn:aws:iam::111122223333:role/pull\nsource_profile = base\n")
	return b.String()
}

const baseKeys = "[base]\naws_access_key_id = AKIAEXAMPLEEXAMPLE01\naws_secret_access_key = secret\n"

func BenchmarkResolve(b *testing.B) {
	for _, c := range []struct {
		name string
		w    world
	}{
		{"small config, role", world{config: manyProfiles(1), credentials: baseKeys, in: Inputs{Profile: "prod"}}},
		{"500 profiles, role", world{config: manyProfiles(500), credentials: baseKeys, in: Inputs{Profile: "prod"}}},
		{"500 profiles, SSO", world{config: manyProfiles(500), credentials: baseKeys, in: Inputs{Profile: "team499"}}},
		{"static keys in the environment", world{env: map[string]string{
			"AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE01", "AWS_SECRET_ACCESS_KEY": "secret",
		}}},
		{"instance role", world{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := c.w.inputs(b, b.TempDir())
			if c.name == "instance role" {
				in.machine = nil
			}
			b.ReportAllocs()
			for b.Loop() {
				id, err := Resolve(in)
				if err != nil {
					b.Fatal(err)
				}
				if id.Fingerprint() == [32]byte{} {
					b.Fatal("no fingerprint")
				}
			}
		})
	}
}
