// Package awsecr fetches authorization tokens from Amazon ECR. It and the
// fakes in awstest are the only importers of the AWS SDK.
package awsecr

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/smithy-go/middleware"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
	"ecr-credential-helper/ecr-login/internal/version"
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

	// Identity is who the credentials are expected to belong to. It only
	// serves to explain a failure; the zero value explains a little less.
	Identity identity.Identity
}

// Fetcher gets tokens from AWS. The zero value is ready to use.
type Fetcher struct {
	// Product goes into the user agent in front of the version; the binary's
	// name if empty.
	Product string
}

// Fetch gets a new token. It makes one GetAuthorizationToken call, besides what
// obtaining the credentials takes, repeated by the SDK's retryer while ctx
// lasts. Its errors are of type *[Error].
func (f Fetcher) Fetch(ctx context.Context, r Request) (token.Token, error) {
	// The credentials of a process or of a metadata service may take as long
	// as they like to give up; the answer's deadline is not theirs to exceed.
	type result struct {
		token token.Token
		err   error
	}
	done := make(chan result, 1)
	go func() {
		t, err := f.fetch(ctx, r)
		done <- result{t, err}
	}()
	select {
	case res := <-done:
		return res.token, classify(ctx, r, res.err)
	case <-ctx.Done():
		// A last moment for what is just ending, so that the error can say
		// more than that time ran out.
		select {
		case res := <-done:
			return res.token, classify(ctx, r, res.err)
		case <-time.After(lastMoment):
			return token.Token{}, classify(ctx, r, context.Cause(ctx))
		}
	}
}

const lastMoment = 200 * time.Millisecond

func (f Fetcher) fetch(ctx context.Context, r Request) (t token.Token, err error) {
	// The SDK is known to panic on a few odd files of its own, such as a login
	// session that reads "null".
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the AWS SDK panicked: %v", p)
		}
	}()
	product := f.Product
	if product == "" {
		product = "docker-credential-ecr-login"
	}
	cfg, err := loadConfig(ctx, r, product, version.String())
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
		a, meta, err = fetchPrivate(ctx, cfg, r.Endpoint)
	}
	if err != nil {
		return token.Token{}, err
	}
	serverNow, _ := awsmiddleware.GetServerTime(meta)
	return a.token(serverNow, time.Now(), rand.Float64()) //nolint:gosec // jitter, not a secret
}

func fetchPrivate(ctx context.Context, cfg aws.Config, e registry.Endpoint) (answer, middleware.Metadata, error) {
	client := ecr.NewFromConfig(cfg, func(o *ecr.Options) {
		o.Retryer = brokenAnswers(o.Retryer)
		if o.BaseEndpoint != nil {
			// The endpoint was named outright. The SDK refuses to combine that
			// with a choice of kind, and the name is the stronger word.
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
			return
		}
		if e.FIPS && !e.DualStack {
			// The SDK would call api.ecr-fips.<region>; what AWS documents is
			// https://docs.aws.amazon.com/general/latest/gr/ecr.html.
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateDisabled
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateDisabled
			o.BaseEndpoint = aws.String("https://ecr-fips." + e.Region + "." + e.DNSSuffix())
			return
		}
		if e.FIPS {
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
		}
		if e.DualStack {
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
		}
	})
	out, err := client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return answer{}, middleware.Metadata{}, err
	}
	if len(out.AuthorizationData) == 0 {
		return answer{}, out.ResultMetadata, errNoData
	}
	data := out.AuthorizationData[0]
	return answer{data.AuthorizationToken, data.ExpiresAt}, out.ResultMetadata, nil
}

func fetchPublic(ctx context.Context, cfg aws.Config, e registry.Endpoint) (answer, middleware.Metadata, error) {
	client := ecrpublic.NewFromConfig(cfg, func(o *ecrpublic.Options) {
		o.Retryer = brokenAnswers(o.Retryer)
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
		return answer{}, out.ResultMetadata, errNoData
	}
	data := out.AuthorizationData
	return answer{data.AuthorizationToken, data.ExpiresAt}, out.ResultMetadata, nil
}
