package awsecr

import (
	"cmp"
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
)

// maxInput bounds the files that the SDK reads whole. A shared config of a
// thousand profiles has a few hundred kilobytes, and so have the bundles of CA
// certificates.
const maxInput = 8 << 20

var (
	errInputTooLarge = errors.New("it is larger than 8 MiB")
	errDevice        = errors.New("it is a device")
)

// endless refuses what the SDK would read until the memory is gone: a device,
// or a file that is far too large.
func endless() error {
	env, err := config.NewEnvConfig()
	if err != nil {
		return nil //nolint:nilerr // the SDK is about to say the same, with more words
	}
	for _, path := range []string{
		cmp.Or(env.SharedConfigFile, config.DefaultSharedConfigFilename()),
		cmp.Or(env.SharedCredentialsFile, config.DefaultSharedCredentialsFilename()),
		env.CustomCABundle,
		env.WebIdentityTokenFilePath,
	} {
		if path == "" || path == os.DevNull {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			continue // the SDK knows what a file that is not there means
		}
		switch mode := info.Mode(); {
		case mode&os.ModeDevice != 0:
			err = errDevice
		case mode.IsRegular() && info.Size() > maxInput:
			err = errInputTooLarge
		}
		if err != nil {
			return config.SharedConfigLoadError{Filename: path, Err: err}
		}
	}
	return nil
}
