package ecrlogin

import "ecr-credential-helper/ecr-login/internal/awsecr"

// The reasons of an [Error].
const (
	ReasonNoCredentials      = awsecr.NoCredentials      // "no-credentials"
	ReasonSessionEnded       = awsecr.SessionEnded       // "session-ended"
	ReasonMFANeeded          = awsecr.MFANeeded          // "mfa-needed"
	ReasonProfileMissing     = awsecr.ProfileMissing     // "profile-missing"
	ReasonBrokenSharedConfig = awsecr.BrokenSharedConfig // "broken-shared-config"
	ReasonProcessFailed      = awsecr.ProcessFailed      // "credential-process-failed"
	ReasonContainerRefused   = awsecr.ContainerRefused   // "container-endpoint-refused"
	ReasonContainerFailed    = awsecr.ContainerFailed    // "container-endpoint-failed"
	ReasonMetadataFailed     = awsecr.MetadataFailed     // "instance-metadata-failed"
	ReasonWebIdentityFailed  = awsecr.WebIdentityFailed  // "web-identity-failed"
	ReasonRoleDenied         = awsecr.RoleDenied         // "role-denied"
	ReasonDenied             = awsecr.Denied             // "denied"
	ReasonInvalidKeys        = awsecr.InvalidKeys        // "invalid-keys"
	ReasonExpiredKeys        = awsecr.ExpiredKeys        // "expired-keys"
	ReasonClockSkew          = awsecr.ClockSkew          // "clock-skew"
	ReasonUnknownRegion      = awsecr.UnknownRegion      // "unknown-region"
	ReasonThrottled          = awsecr.Throttled          // "throttled"
	ReasonServerError        = awsecr.ServerError        // "server-error"
	ReasonBadAnswer          = awsecr.BadAnswer          // "bad-answer"
	ReasonDNS                = awsecr.DNS                // "dns"
	ReasonTLS                = awsecr.TLS                // "tls"
	ReasonProxy              = awsecr.Proxy              // "proxy"
	ReasonNetwork            = awsecr.Network            // "network"
	ReasonTimedOut           = awsecr.TimedOut           // "timed-out"
	ReasonCancelled          = awsecr.Cancelled          // "cancelled"
	ReasonUnexpected         = awsecr.Unexpected         // "unexpected"
)
