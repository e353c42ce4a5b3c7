package identity

import (
	"strings"
	"testing"
)

func TestOnlyAWellFormedJWTIsOne(t *testing.T) {
	t.Parallel()
	good := jwt(`{"iss":"i","sub":"s"}`)
	for name, c := range map[string]struct {
		token string
		want  bool
	}{
		"plain":                    {good, true},
		"a line end behind it":     {good + "\r\n", true},
		"two parts":                {good[:strings.LastIndexByte(good, '.')], false},
		"four parts":               {good + ".x", false},
		"padding":                  {"e30." + "eyJpc3MiOiJpIiwic3ViIjoicyJ9ICA=" + ".x", false},
		"no JSON":                  {jwt(`iss`), false},
		"a list":                   {jwt(`["iss","sub"]`), false},
		"null":                     {jwt(`null`), false},
		"cut off":                  {jwt(`{"iss":"i","sub":"s"`), false},
		"more behind":              {jwt(`{"iss":"i","sub":"s"} {}`), false},
		"no issuer":                {jwt(`{"sub":"s"}`), false},
		"no subject":               {jwt(`{"iss":"i"}`), false},
		"subject is a number":      {jwt(`{"iss":"i","sub":1}`), false},
		"subject is null":          {jwt(`{"iss":"i","sub":null}`), false},
		"subject twice":            {jwt(`{"iss":"i","sub":"s","sub":"t"}`), false},
		"names differ by case":     {jwt(`{"ISS":"i","SUB":"s"}`), false},
		"both cases":               {jwt(`{"iss":"i","sub":"s","SUB":"t"}`), true},
		"empty":                    {"", false},
		"dots":                     {"..", false},
		"deep nesting is no crash": {jwt(`{"iss":"i","sub":"s","x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`), false},
	} {
		if _, ok := parseJWT(c.token); ok != c.want {
			t.Errorf("%s: got %v, want %v", name, ok, c.want)
		}
	}
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		"", "..", "opaque", jwt(`{"iss":"i","sub":"s","aud":["a",{"b":1e999}],"exp":1.0}`), jwt(`{"iss":"i","sub":"s","sub":"t"}`),
		jwt(`{"iss":"\u0000","sub":"\ud800"}`), "e30.e30.e30",
	} {
		f.Add(seed, seed+" ")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var ma, mb material
		ma.token(a)
		mb.token(b)
		same := digest(ma.fields) == digest(mb.fields)
		if a == b && !same {
			t.Error("one token, two identities")
		}
		ca, jwtA := parseJWT(a)
		cb, jwtB := parseJWT(b)
		if same && a != b && (!jwtA || !jwtB || ca["iss"] != cb["iss"] || ca["sub"] != cb["sub"]) {
			t.Errorf("%q and %q are one identity", a, b)
		}
	})
}
