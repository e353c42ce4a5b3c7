package awsecr

import (
	"net/http"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestWhatIsWrongWithTheContainer(t *testing.T) {
	t.Parallel()
	tell(t, toldOfContainers())
}

func toldOfContainers() []told {
	const path = "/v2/credentials/task"
	container := func(w *world) {
		w.aws.AddContainer(awstest.Container{Path: path, Token: "container-secret-token", RoleARN: pull})
		w.secrets = append(w.secrets, "container-secret-token")
		w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", w.aws.ContainerURL(path), "AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-secret-token")
	}
	refuse := func(hook func(http.ResponseWriter, *http.Request) bool) func(*world) spec {
		return func(w *world) spec {
			container(w)
			w.aws.Inject(awstest.OpContainerCredentials, awstest.Fault{Hook: hook})
			return spec{}
		}
	}
	return []told{
		{
			name:   "an address that is not allowed",
			want:   "the container credentials endpoint is refused: its host name cannot be looked up; hint: correct AWS_CONTAINER_CREDENTIALS_FULL_URI",
			reason: ContainerRefused, prepare: func(w *world) spec {
				w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.1.evil.example/creds?token="+secret)
				return spec{}
			},
		},
		{
			name:   "an address of the wrong network",
			want:   "the container credentials endpoint is refused: over plain http only loopback and the addresses of ECS and EKS are allowed; hint: correct AWS_CONTAINER_CREDENTIALS_FULL_URI",
			reason: ContainerRefused, prepare: func(w *world) spec {
				w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/creds?token="+secret)
				return spec{}
			},
		},
		{
			name:   "an address that is none",
			want:   "the container credentials endpoint is refused: it is not a URL; hint: correct AWS_CONTAINER_CREDENTIALS_FULL_URI",
			reason: ContainerRefused, prepare: func(w *world) spec {
				w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1/creds?token="+secret)
				return spec{}
			},
		},
		{
			name:   "an address without a host",
			want:   "the container credentials endpoint is refused: it is not a URL; hint: correct AWS_CONTAINER_CREDENTIALS_FULL_URI",
			reason: ContainerRefused, prepare: func(w *world) spec {
				w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/creds?token="+secret)
				return spec{}
			},
		},
		{
			name:   "the token is not known",
			want:   "the container credentials endpoint {aws} answers with status 401: AccessDeniedException: the authorization token is missing or not known; hint: check the task role (ECS) or the pod identity association (EKS)",
			reason: ContainerFailed, prepare: func(w *world) spec {
				container(w)
				w.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another-token")
				return spec{}
			},
		},
		{
			name:   "the token's file is missing",
			want:   "the container authorization token cannot be used: open {home}/token: no such file or directory; hint: check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE and AWS_CONTAINER_AUTHORIZATION_TOKEN",
			reason: ContainerFailed, prepare: func(w *world) spec {
				container(w)
				w.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", w.home+"/token")
				return spec{}
			},
		},
		{
			name:   "the token has two lines",
			want:   "the container authorization token cannot be used: authorization token contains invalid newline sequence; hint: check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE and AWS_CONTAINER_AUTHORIZATION_TOKEN",
			reason: ContainerFailed, prepare: func(w *world) spec {
				container(w)
				w.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-secret-token\nX-More: headers")
				return spec{}
			},
		},
		{
			name:    "the endpoint explains itself in plain text",
			want:    "the container credentials endpoint {aws} answers with status 400: no such task by any name; hint: check the task role (ECS) or the pod identity association (EKS)",
			reason:  ContainerFailed,
			prepare: refuse(say(http.StatusBadRequest, "no such task\nby any name")),
		},
		{
			name:   "the endpoint refuses with null",
			want:   "the container credentials endpoint gave an answer that cannot be used: the AWS SDK cannot read it; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
			reason: BadAnswer, transient: true, prepare: refuse(sayJSON(http.StatusBadRequest, "null")),
		},
		{
			name:   "the endpoint answers with null",
			want:   "the container credentials endpoint gave an answer that cannot be used: it holds nothing; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
			reason: BadAnswer, transient: true, prepare: refuse(sayJSON(http.StatusOK, "null")),
		},
		{
			name:   "the endpoint answers with nothing in it",
			want:   "the source of the AWS keys (container credentials) gave an answer that cannot be used: it holds nothing; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
			reason: BadAnswer, transient: true, prepare: refuse(sayJSON(http.StatusOK, "{}")),
		},
		{
			name:   "the endpoint answers with a web page",
			want:   "the container credentials endpoint gave an answer that cannot be used: it is cut off or not what AWS documents; hint: see whether a proxy, a login page of the network or AWS_ENDPOINT_URL stands between here and AWS",
			reason: BadAnswer, transient: true, prepare: refuse(say(http.StatusOK, "<html>")),
		},
		{
			name:   "the endpoint is overloaded",
			want:   "the container credentials endpoint {aws} answers with status 429: TooMany: later; hint: try again; if it stays, see the log of the ECS agent or the EKS Pod Identity agent",
			reason: ContainerFailed, transient: true, prepare: refuse(sayJSON(http.StatusTooManyRequests, `{"code":"TooMany","message":"later"}`)),
		},
		{
			name:   "the endpoint is broken",
			want:   "the container credentials endpoint {aws} answers with status 500; hint: try again; if it stays, see the log of the ECS agent or the EKS Pod Identity agent",
			reason: ContainerFailed, transient: true, prepare: refuse(say(http.StatusInternalServerError, "")),
		},
		{
			name:   "the endpoint is gone",
			want:   "the container credentials endpoint {nobody} does not answer; hint: check AWS_CONTAINER_CREDENTIALS_FULL_URI, and the ECS agent or the EKS Pod Identity agent",
			reason: ContainerFailed, transient: true, prepare: func(w *world) spec {
				w.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://"+w.place(nobody(), "{nobody}")+path)
				return spec{}
			},
		},
		{
			name:   "the endpoint hangs",
			want:   "no answer from {aws} to GetCredentials before time ran out; hint: check the network, HTTPS_PROXY and VPC endpoints, or raise AWS_ECR_TIMEOUT",
			reason: TimedOut, transient: true, prepare: func(w *world) spec {
				container(w)
				w.aws.Inject(awstest.OpContainerCredentials, awstest.Fault{Kind: awstest.Hang})
				return spec{Timeout: 300 * time.Millisecond}
			},
		},
		{
			name:   "the endpoint is asked through a proxy",
			want:   "the container credentials endpoint 169.254.170.2 is asked through a proxy, which cannot reach it; hint: put 169.254.170.2 into NO_PROXY",
			reason: Proxy, transient: true, prepare: func(w *world) spec {
				w.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", path, "HTTP_PROXY", recorder(w.t).URL())
				return spec{}
			},
		},
	}
}
