package awsecr

import (
	"net/http"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestWhatIsWrongWithALoginSession(t *testing.T) {
	t.Parallel()
	tell(t, toldOfSessions())
}

func toldOfSessions() []told {
	grant := awstest.SSOGrant{Account: "111122223333", Role: "Admin"}
	// sso prepares a profile of the old or the new style. A negative life makes
	// the access token an expired one.
	sso := func(w *world, session string, life time.Duration, change func(*awstest.SSOSession)) {
		w.set(awsProfile, "prod")
		if session == "" {
			w.config("[profile prod]", "sso_start_url = "+startAt, "sso_region = eu-west-1", "sso_account_id = 111122223333", "sso_role_name = Admin")
		} else {
			w.config("[profile prod]", "sso_session = "+session, "sso_account_id = 111122223333", "sso_role_name = Admin",
				"[sso-session "+session+"]", "sso_start_url = "+startAt, "sso_region = eu-west-1")
		}
		login := w.aws.LoginSSO(awstest.SSO{StartURL: startAt, Region: "eu-west-1", AccessLife: life, Grants: []awstest.SSOGrant{grant}})
		w.secrets = append(w.secrets, login.AccessToken, login.RefreshToken, login.ClientSecret)
		if change != nil {
			change(&login)
		}
		if login.StartURL == "" {
			return // never logged in
		}
		if _, err := login.WriteCache(w.home, session); err != nil {
			w.t.Fatal(err)
		}
	}
	never := func(s *awstest.SSOSession) { s.StartURL = "" }
	over := -time.Minute
	login := func(w *world, life time.Duration, change func(*awstest.LoginSession)) string {
		const user = "arn:aws:iam::111122223333:user/bob"
		w.set(awsProfile, "prod").config("[profile prod]", "login_session = "+user)
		l, err := w.aws.LoginConsole(awstest.Login{Principal: user, AccessLife: life})
		if err != nil {
			w.t.Fatal(err)
		}
		w.secrets = append(w.secrets, l.AccessToken.SecretAccessKey, l.AccessToken.SessionToken, l.RefreshToken, l.DPoPKey)
		if change != nil {
			change(&l)
		}
		path, err := l.WriteCache(w.home)
		if err != nil {
			w.t.Fatal(err)
		}
		return path
	}
	return []told{
		{
			name:   "nobody has logged in, old style",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "", 0, never)
				return spec{}
			},
		},
		{
			name:   "the session has ended, old style",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "", over, nil)
				return spec{}
			},
		},
		{
			name:   "the session was ended by others, old style",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "", 0, nil)
				w.aws.EndSSO(startAt)
				return spec{}
			},
		},
		{
			name:   "the session's file is a folder, old style",
			want:   "the AWS SSO session of profile prod cannot be read or saved: read {home}/.aws/sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json: is a directory; hint: correct the permissions of that file, then run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "", 0, never)
				w.file(".aws/sso/cache/"+sha1Name(startAt)+".json/x", "")
				return spec{}
			},
		},
		{
			name:   "nobody has logged in",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "corp", 0, never)
				return spec{}
			},
		},
		{
			name:   "nobody has logged in to the default profile",
			want:   "the AWS SSO session of profile default has ended or never began; hint: run `aws sso login`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "corp", 0, never)
				w.config("[default]", "sso_session = corp", "sso_account_id = 111122223333", "sso_role_name = Admin",
					"[sso-session corp]", "sso_start_url = "+startAt, "sso_region = eu-west-1").set(awsProfile, "")
				return spec{}
			},
		},
		{
			name:   "nobody has logged in to the profile behind a role",
			want:   "the AWS SSO session of profile people has ended or never began; hint: run `aws sso login --profile people`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "corp", 0, never)
				w.config("[profile prod]", "role_arn = "+pull, "source_profile = people",
					"[profile people]", "sso_session = corp", "sso_account_id = 111122223333", "sso_role_name = Admin",
					"[sso-session corp]", "sso_start_url = "+startAt, "sso_region = eu-west-1")
				return spec{Anonymous: true}
			},
		},
		{
			name:   "the session has ended and cannot be renewed",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "corp", over, func(s *awstest.SSOSession) { s.RefreshToken = "" })
				return spec{}
			},
		},
		{
			name:   "the session's renewal is refused",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "corp", over, nil)
				w.aws.EndSSO(startAt)
				return spec{}
			},
		},
		{
			name:   "the session's renewal meets a broken server",
			want:   "CreateToken of AWS SSO failed with InternalServerException; hint: try again; https://health.aws.amazon.com says whether AWS has a problem",
			reason: ServerError, transient: true, prepare: func(w *world) spec {
				sso(w, "corp", over, nil)
				w.aws.Inject(awstest.OpSSOCreateToken, awstest.Fault{Kind: awstest.Refuse, Status: 500, Code: "InternalServerException"})
				return spec{}
			},
		},
		{
			name:   "the session's renewal is not answered",
			want:   "no answer from {aws} to CreateToken before time ran out; hint: check the network, HTTPS_PROXY and VPC endpoints, or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				sso(w, "corp", over, nil)
				w.aws.Inject(awstest.OpSSOCreateToken, awstest.Fault{Kind: awstest.Hang})
				return spec{Timeout: 300 * time.Millisecond}
			},
		},
		{
			name:   "the session's file is damaged",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "corp", 0, never)
				w.file(".aws/sso/cache/"+sha1Name("corp")+".json", `{"accessToken": 7`)
				return spec{}
			},
		},
		{
			name:   "the session's file is null",
			want:   "the AWS SSO session of profile prod has ended or never began; hint: run `aws sso login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				sso(w, "corp", 0, never)
				w.file(".aws/sso/cache/"+sha1Name("corp")+".json", `null`)
				return spec{}
			},
		},
		{
			name:   "the permission set is not assigned",
			want:   "AWS SSO does not give profile prod the role Admin in account 444455556666: No access; hint: correct sso_account_id and sso_role_name, or have the permission set assigned to you",
			reason: RoleDenied, prepare: func(w *world) spec {
				sso(w, "corp", 0, nil)
				w.config("[profile prod]", "sso_session = corp", "sso_account_id = 444455556666", "sso_role_name = Admin",
					"[sso-session corp]", "sso_start_url = "+startAt, "sso_region = eu-west-1")
				return spec{}
			},
		},
		{
			name:   "the permission set is not assigned, and nobody knows the identity",
			want:   "AWS SSO does not give profile prod its role: No access; hint: correct sso_account_id and sso_role_name, or have the permission set assigned to you",
			reason: RoleDenied, prepare: func(w *world) spec {
				sso(w, "corp", 0, nil)
				w.config("[profile prod]", "sso_session = corp", "sso_account_id = 444455556666", "sso_role_name = Admin",
					"[sso-session corp]", "sso_start_url = "+startAt, "sso_region = eu-west-1")
				return spec{Anonymous: true}
			},
		},
		{
			name:   "the portal throttles",
			want:   "GetRoleCredentials of AWS SSO is throttled (TooManyRequestsException); hint: too many calls come from this account in this region; see whether the token cache is off (AWS_ECR_DISABLE_CACHE) or cannot be written",
			reason: Throttled, transient: true, prepare: func(w *world) spec {
				sso(w, "corp", 0, nil)
				w.aws.Inject(awstest.OpSSORoleCredentials, awstest.Fault{Kind: awstest.Refuse, Status: 429, Code: "TooManyRequestsException"})
				return spec{}
			},
		},
		{
			name:   "the portal answers with nothing",
			want:   "AWS SSO gave an answer that cannot be used: it is cut off or not what AWS documents; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
			reason: BadAnswer, transient: true, prepare: func(w *world) spec {
				sso(w, "corp", 0, nil)
				w.aws.Inject(awstest.OpSSORoleCredentials, awstest.Fault{Kind: awstest.Null})
				return spec{}
			},
		},
		{
			name:   "the portal answers without keys",
			want:   "AWS SSO gave an answer that cannot be used: it holds nothing; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
			reason: BadAnswer, transient: true, prepare: func(w *world) spec {
				sso(w, "corp", 0, nil)
				w.aws.Inject(awstest.OpSSORoleCredentials, awstest.Fault{Hook: sayJSON(http.StatusOK, "{}")})
				return spec{}
			},
		},
		{
			name:   "nobody has logged in with aws login",
			want:   "the `aws login` session of profile prod has ended or never began; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				w.set(awsProfile, "prod").config("[profile prod]", "login_session = arn:aws:iam::111122223333:user/bob")
				return spec{}
			},
		},
		{
			name:   "the aws login session has ended",
			want:   "the `aws login` session of profile prod has ended or never began; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				login(w, over, nil)
				w.aws.EndLogin("arn:aws:iam::111122223333:user/bob")
				return spec{}
			},
		},
		{
			name:   "the password behind the aws login session was changed",
			want:   "the `aws login` session of profile prod has ended or never began; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				login(w, over, nil)
				w.aws.ChangePassword("arn:aws:iam::111122223333:user/bob")
				return spec{}
			},
		},
		{
			name:   "the aws login session may not be renewed",
			want:   "the `aws login` session of profile prod cannot be renewed: signin:CreateOAuth2Token is not allowed; hint: allow it (the managed policy SignInLocalDevelopmentAccess does)",
			reason: Denied, prepare: func(w *world) spec {
				login(w, over, nil)
				w.aws.Inject(awstest.OpSigninCreateToken, awstest.Fault{Hook: refuseSignin("INSUFFICIENT_PERMISSIONS")})
				return spec{}
			},
		},
		{
			name:   "the aws login session's renewal is refused in new words",
			want:   "the `aws login` session of profile prod has ended or never began; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				login(w, over, nil)
				w.aws.Inject(awstest.OpSigninCreateToken, awstest.Fault{Hook: refuseSignin("SOMETHING_NEW")})
				return spec{}
			},
		},
		{
			name:   "the aws login session's renewal meets a broken server",
			want:   "CreateOAuth2Token of AWS sign-in failed with InternalServerException; hint: try again; https://health.aws.amazon.com says whether AWS has a problem",
			reason: ServerError, transient: true, prepare: func(w *world) spec {
				login(w, over, nil)
				w.aws.Inject(awstest.OpSigninCreateToken, awstest.Fault{Kind: awstest.Refuse, Status: 500, Code: "InternalServerException"})
				return spec{}
			},
		},
		{
			name:   "the aws login session's file is null",
			want:   "the file of the `aws login` session of profile prod is damaged; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				w.overwrite(login(w, over, nil), "null")
				return spec{}
			},
		},
		{
			name:   "the aws login session's file is null behind a role",
			want:   "the file of the `aws login` session of profile prod is damaged; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				w.overwrite(login(w, over, nil), "null")
				return spec{RoleARN: pull, Anonymous: true}
			},
		},
		{
			name:   "the aws login session's file is cut off",
			want:   "the `aws login` session of profile prod has ended or never began; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				w.overwrite(login(w, over, nil), `{"accessToken": {`)
				return spec{}
			},
		},
		{
			name:   "the aws login session's key is none",
			want:   "the file of the `aws login` session of profile prod is damaged; hint: run `aws login --profile prod`",
			reason: SessionEnded, prepare: func(w *world) spec {
				login(w, over, func(l *awstest.LoginSession) { l.DPoPKey = "no key at all" })
				return spec{}
			},
		},
	}
}
