package token_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/token"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func twelveHours(serverNow, localNow time.Time) token.Token {
	return token.New("AWS", token.NewPassword("secret"), token.Lifetime{
		ServerNow: serverNow, Expires: serverNow.Add(12 * time.Hour), LocalNow: localNow,
	})
}

func TestFreshUntilHalfOfItsLife(t *testing.T) {
	t.Parallel()
	tok := twelveHours(noon, noon)
	tests := []struct {
		name                   string
		after                  time.Duration
		fresh, usable, expired bool
	}{
		{"at once", 0, true, true, false},
		{"just before half", 6*time.Hour - time.Second, true, true, false},
		{"at half", 6 * time.Hour, false, true, false},
		{"with five minutes left", 12*time.Hour - 5*time.Minute, false, true, false},
		{"with less", 12*time.Hour - 5*time.Minute + time.Second, false, false, false},
		{"at its end", 12 * time.Hour, false, false, true},
		{"before it was issued", -time.Second, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now := noon.Add(tt.after)
			if got := tok.Fresh(now); got != tt.fresh {
				t.Errorf("Fresh = %v", got)
			}
			if got := tok.Usable(now); got != tt.usable {
				t.Errorf("Usable = %v", got)
			}
			if got := tok.Expired(now); got != tt.expired {
				t.Errorf("Expired = %v", got)
			}
		})
	}
}

func TestLifeIsReckonedFromTheServersClock(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{-100 * 24 * time.Hour, -7 * time.Hour, 7 * time.Hour, 20 * 365 * 24 * time.Hour} {
		local := noon.Add(wrong)
		tok := twelveHours(noon, local)
		if !tok.Fresh(local.Add(5*time.Hour)) || tok.Fresh(local.Add(7*time.Hour)) {
			t.Errorf("a clock wrong by %v changes when the token is fresh", wrong)
		}
		if tok.Expired(local.Add(11*time.Hour)) || !tok.Expired(local.Add(12*time.Hour)) {
			t.Errorf("a clock wrong by %v changes when the token expires", wrong)
		}
	}
}

func TestAClockSetBackNeverMakesADeadTokenUsable(t *testing.T) {
	t.Parallel()
	// Fetched while the clock was three hours ahead, which is then put right:
	// 13 real hours later this machine's reckoning alone would still serve it.
	tok := twelveHours(noon, noon.Add(3*time.Hour))
	if now := noon.Add(13 * time.Hour); tok.Usable(now) {
		t.Error("a token an hour past its expiry is called usable")
	}
}

func TestWithoutServerDateTheLocalClockCounts(t *testing.T) {
	t.Parallel()
	tok := token.New("AWS", token.Password{}, token.Lifetime{Expires: noon.Add(time.Hour), LocalNow: noon})
	if !tok.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("expires %v", tok.Expires)
	}
}

func TestATokenBornDeadIsNeitherFreshNorUsable(t *testing.T) {
	t.Parallel()
	tok := token.New("AWS", token.Password{}, token.Lifetime{ServerNow: noon, Expires: noon.Add(-time.Hour), LocalNow: noon})
	if tok.Fresh(noon) || tok.Usable(noon) || !tok.Expired(noon) {
		t.Errorf("%+v", tok)
	}
}

func TestJitterMovesTheRefreshForwardByAFewPercent(t *testing.T) {
	t.Parallel()
	l := token.Lifetime{ServerNow: noon, Expires: noon.Add(12 * time.Hour), LocalNow: noon, Jitter: 0.999}
	early := token.New("AWS", token.Password{}, l).Refresh.Sub(noon)
	if early >= 6*time.Hour || early < 5*time.Hour+40*time.Minute {
		t.Errorf("refresh after %v", early)
	}
}

func TestPasswordsPrintRedacted(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	tok := token.New("AWS", token.NewPassword(secret), token.Lifetime{})
	type hidden struct{ inner token.Token }
	printed := []string{tok.Password.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, tok), fmt.Sprintf(verb, &tok), fmt.Sprintf(verb, hidden{tok}),
			fmt.Sprintf(verb, tok.Password), fmt.Sprintf(verb, []any{tok.Password}))
	}
	j, err := json.Marshal(tok)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tok.Password.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	printed = append(printed, string(j), string(text))
	for _, s := range printed {
		if strings.Contains(s, secret) || strings.Contains(s, fmt.Sprintf("%x", secret)) {
			t.Errorf("the secret shows in %q", s)
		}
	}
	if tok.Password.Reveal() != secret || (token.Password{}).Reveal() != "" {
		t.Error("Reveal does not return the secret")
	}
}
