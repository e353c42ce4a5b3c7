package awsecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"ecr-credential-helper/ecr-login/internal/awsecr/identity"
)

// loadConfig returns the SDK's configuration with the credentials of r.
func loadConfig(ctx context.Context, r Request, product, version string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		// The region of the host, whatever AWS_REGION says: a token opens the
		// registries of the region that gave it.
		config.WithRegion(r.Endpoint.Region),
		// The SDK would warn on standard error, which is our client's.
		config.WithLogger(logging.Nop{}),
		config.WithAPIOptions([]func(*middleware.Stack) error{
			awsmiddleware.AddUserAgentKeyValue(product, version),
			limitBody,
			boundMetadataService(),
		}),
	}
	if r.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(r.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, err
	}
	if r.Identity.Kind() == identity.CredentialProcess {
		if err := replaceProcess(ctx, &cfg, r.Profile); err != nil {
			return aws.Config{}, err
		}
	}
	if r.RoleARN != "" {
		cfg.Credentials = assume(cfg, r.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			if r.ExternalID != "" {
				o.ExternalID = aws.String(r.ExternalID)
			}
		})
	}
	return cfg, nil
}

func assume(cfg aws.Config, roleARN string, option func(*stscreds.AssumeRoleOptions)) aws.CredentialsProvider {
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), roleARN, option))
}
