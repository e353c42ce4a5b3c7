package ecrlogin

import (
	"errors"

	"github.com/docker/docker-credential-helpers/credentials"

	"ecr-credential-helper/ecr-login/internal/lookup"
	"ecr-credential-helper/ecr-login/internal/tokencache"
)

// Get returns user name and password for the registry that a server address
// names. For an address that names no ECR registry, and for the public registry
// when no password can be had, the error is the one that
// credentials.IsErrCredentialsNotFound knows.
func (c *Client) Get(server string) (user, password string, err error) {
	t, err := c.Credentials(c.context, server)
	switch {
	case errors.Is(err, ErrNotECR), errors.Is(err, ErrAnonymous):
		return "", "", credentials.NewErrCredentialsNotFound()
	case err != nil:
		return "", "", err
	}
	return t.User, t.Password.Reveal(), nil
}

// Add accepts the credentials of an ECR registry and keeps nothing: the next
// Get has better ones. For any other registry it returns [ErrNotECR].
func (c *Client) Add(creds *credentials.Credentials) error {
	if _, err := c.settings.Match(creds.ServerURL); err != nil {
		return err
	}
	return c.settingsErr
}

// Delete drops every cached token that served an ECR registry. For any other
// registry it returns [ErrNotECR].
func (c *Client) Delete(server string) error {
	m, err := c.settings.Match(server)
	if err != nil {
		return err
	}
	if c.settingsErr != nil {
		return c.settingsErr
	}
	n, err := tokencache.New(c.settings.Dir).Forget(m.Host)
	log := c.log.WithField("host", m.Host).WithField("tokens", n)
	if err != nil {
		log.WithError(err).Error("cached tokens could not be erased")
		return err
	}
	if n > 0 {
		log.Info("cached tokens erased")
	}
	return nil
}

// List returns the registries that have a cached token or stand in the
// configuration without a pattern, with the user name of each. It asks nobody.
func (c *Client) List() (map[string]string, error) {
	return lookup.List(c.settings, c.now()), nil
}
