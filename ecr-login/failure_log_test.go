package ecrlogin

import (
	"strings"
	"testing"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestTheLogSaysMoreOfAFailureThanTheSentence(t *testing.T) {
	aws := startAWS(t)
	aws.Deny("arn:aws:iam::111122223333:user/alice", awstest.OpECRToken)
	c, log := newClient(t)
	_, err := c.Credentials(t.Context(), host)
	if err == nil {
		t.Fatal("it was denied, and there is a token")
	}
	calls := aws.Requests(awstest.OpECRToken)
	for _, want := range []string{
		"level=error", `msg="no token"`, "host=" + host, "reason=denied", "call=GetAuthorizationToken",
		`endpoint="` + calls[0].Host + `"`, "attempts=1", "status=400", "code=AccessDeniedException", "request_id=",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s: %s", want, log)
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log shows the secret key: %s", log)
	}
}
