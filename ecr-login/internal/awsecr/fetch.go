// Package awsecr fetches authorization tokens from Amazon ECR. It and the
// fakes in awstest are the only importers of the AWS SDK.
package awsecr

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/smithy-go/middleware"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// Request says which token is wanted and whose.
type Request struct {
	Endpoint registry.Endpoint

	// Profile is an AWS profile to use whatever the environment says; empty
	// for the SDK's own order of credential sources.
	Profile string
	// RoleARN is a role to assume with the credentials found, ExternalID what
	// its owner asks for. Empty for none.
	RoleARN    string
	ExternalID string

	// URL is the ECR API to call in the place of AWS's own, and of any that the
	// environment names. Empty for those.
	URL string

	// Identity is who the credentials are expected to belong to. It only
	// serves to explain a failure; the zero value explains a little less.
	Identity identity.Identity
}

// Fetcher gets tokens from AWS. The zero value is ready to use.
type Fetcher struct {
	// Product goes into the user agent in front of the version; the binary's
	// name if empty.
	Product string

	retryDelay func(attempt int, err error) (time.Duration, error) // nil: the SDK's
}

// Fetch gets a new token. It makes one GetAuthorizationToken call, besides what
// obtaining the credentials takes, repeated by the SDK's retryer while ctx
// lasts. It returns no later than a moment (a fifth of a second) after ctx
// ends, whatever AWS, a proxy or a credential_process does. Its errors are of
// type *[Error].
func (f Fetcher) Fetch(ctx context.Context, r Request) (token.Token, error) {
	type result struct {
		token token.Token
		err   error
	}
	// Cancelled on return: what is left running of an abandoned call must end,
	// and a credential_process be killed.
	calls, cancel := context.WithCancel(ctx)
	defer cancel()
	w := newWatch(calls)
	done := make(chan result, 1)
	go func() {
		t, err := f.fetch(calls, r, w)
		done <- result{t, err}
	}()
	select {
	case res := <-done:
		return res.token, classify(ctx, r, w, res.err)
	case <-ctx.Done():
		// A last moment for what is just ending, so that the error can say
		// more than that time ran out.
		timer := time.NewTimer(lastMoment)
		defer timer.Stop()
		select {
		case res := <-done:
			return res.token, classify(ctx, r, w, res.err)
		case <-timer.C:
			return token.Token{}, classify(ctx, r, w, context.Cause(ctx))
		}
	}
}

const lastMoment = 200 * time.Millisecond

func (f Fetcher) fetch(ctx context.Context, r Request, w *watch) (t token.Token, err error) {
	// The SDK is known to panic on a few odd files of its own, such as a login
	// session that reads "null".
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
	}()
	cfg, err := f.loadConfig(ctx, r, w)
	if err != nil {
		return token.Token{}, err
	}
	var (
		a    answer
		meta middleware.Metadata
	)
	if r.Endpoint.Service == registry.Public {
		a, meta, err = fetchPublic(ctx, cfg, r.Endpoint)
	} else {
		a, meta, err = fetchPrivate(ctx, cfg, r.Endpoint, r.URL)
	}
	if err != nil {
		return token.Token{}, err
	}
	serverNow, _ := awsmiddleware.GetServerTime(meta)
	if t, err = a.token(serverNow, time.Now(), rand.Float64()); err != nil {
		return token.Token{}, w.blame(err)
	}
	return t, nil
}

func fetchPrivate(ctx context.Context, cfg aws.Config, e registry.Endpoint, url string) (answer, middleware.Metadata, error) {
	client := ecr.NewFromConfig(cfg, func(o *ecr.Options) {
		fips, dualStack := &o.EndpointOptions.UseFIPSEndpoint, &o.EndpointOptions.UseDualStackEndpoint
		if url != "" {
			o.BaseEndpoint = aws.String(url)
		}
		if o.BaseEndpoint != nil {
			// The endpoint was named outright. The SDK refuses to combine that
			// with a choice of kind, and the name is the stronger word.
			*fips, *dualStack = aws.FIPSEndpointStateDisabled, aws.DualStackEndpointStateDisabled
			return
		}
		// The host says what is wanted at least; AWS_USE_FIPS_ENDPOINT,
		// AWS_USE_DUALSTACK_ENDPOINT and their like may ask for more.
		if e.FIPS {
			*fips = aws.FIPSEndpointStateEnabled
		}
		if e.DualStack {
			*dualStack = aws.DualStackEndpointStateEnabled
		}
		if *fips == aws.FIPSEndpointStateEnabled && *dualStack != aws.DualStackEndpointStateEnabled {
			// The SDK would call api.ecr-fips.<region>; what AWS documents is
			// https://docs.aws.amazon.com/general/latest/gr/ecr.html.
			*fips = aws.FIPSEndpointStateDisabled
			o.BaseEndpoint = aws.String("https://" + fipsHost(e))
		}
	})
	out, err := client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return answer{}, middleware.Metadata{}, err
	}
	if len(out.AuthorizationData) == 0 {
		return answer{}, out.ResultMetadata, nil
	}
	data := out.AuthorizationData[0]
	return answer{data.AuthorizationToken, data.ExpiresAt, data.ProxyEndpoint}, out.ResultMetadata, nil
}

// fipsHost is where the FIPS endpoint of a region is that answers over IPv4.
func fipsHost(e registry.Endpoint) string { return "ecr-fips." + e.Region + "." + e.DNSSuffix() }

func fetchPublic(ctx context.Context, cfg aws.Config, e registry.Endpoint) (answer, middleware.Metadata, error) {
	client := ecrpublic.NewFromConfig(cfg, func(o *ecrpublic.Options) {
		// ECR Public has no FIPS endpoint, so a general wish for one, as in
		// AWS_USE_FIPS_ENDPOINT, cannot be meant for it.
		o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
		switch {
		case o.BaseEndpoint != nil:
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
		case e.DualStack:
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
		}
	})
	out, err := client.GetAuthorizationToken(ctx, &ecrpublic.GetAuthorizationTokenInput{})
	if err != nil {
		return answer{}, middleware.Metadata{}, err
	}
	if out.AuthorizationData == nil {
		return answer{}, out.ResultMetadata, nil
	}
	data := out.AuthorizationData
	return answer{data.AuthorizationToken, data.ExpiresAt, nil}, out.ResultMetadata, nil
}
