package ecrlogin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	ecrlogin "ecr-credential-helper/ecr-login"
)

func ExampleNew() {
	client := ecrlogin.New(
		ecrlogin.WithCacheDir("/var/cache/my-program/ecr"),
		ecrlogin.WithTimeout(10*time.Second),
		ecrlogin.WithRegistry("444455556666.dkr.ecr.*.amazonaws.com", ecrlogin.Identity{
			RoleARN: "arn:aws:iam::444455556666:role/pull",
		}),
	)
	_, err := client.Credentials(context.Background(), "docker.io/library/alpine")
	fmt.Println(errors.Is(err, ecrlogin.ErrNotECR))
	// Output: true
}

// A client is a keychain for go-containerregistry and everything built on it.
func ExampleClient_keychain() {
	keychain := authn.NewMultiKeychain(
		authn.NewKeychainFromHelper(ecrlogin.New(ecrlogin.WithEnvironment())),
		authn.DefaultKeychain,
	)
	_ = keychain // pass it to remote.WithAuthFromKeychain
}

// The error of a call says what is wrong and what to do about it.
func ExampleError() {
	_, err := ecrlogin.New().Credentials(context.Background(), "111122223333.dkr.ecr.eu-west-1.amazonaws.com")
	var e *ecrlogin.Error
	if errors.As(err, &e) {
		fmt.Println(e.Cause)
		fmt.Println("try:", e.Hint)
	}
}
