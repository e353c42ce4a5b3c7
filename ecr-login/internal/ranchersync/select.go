package ranchersync

import (
	"context"
	"slices"
	"strings"

	"ecr-credential-helper/ecr-login/registry"
)

// Selection says which registries of a target are meant. The zero value means
// every ECR registry that the target has.
type Selection struct {
	// Hosts are asked for by name. When there are any, no others are touched.
	Hosts []registry.Registry
	// Regions, without Hosts, leaves out registries elsewhere.
	Regions []string
	// Own adds, without Hosts, the AWS account's own registry in these regions:
	// what the updaters before this one create.
	Own []string
}

// wanted is a registry that is meant.
type wanted struct {
	registry registry.Registry
	asked    bool
}

// choose applies a selection to what a target has.
func (s Selection) choose(ctx context.Context, there []registry.Registry, tokens Tokens, opts TokenOptions) ([]wanted, error) {
	var chosen []wanted
	asked := map[registry.Registry]bool{}
	ask := func(r registry.Registry) {
		if !asked[r] {
			asked[r] = true
			chosen = append(chosen, wanted{r, true})
		}
	}
	for _, r := range s.Hosts {
		ask(r)
	}
	if len(s.Hosts) == 0 {
		for _, region := range s.Own {
			host, err := tokens.Own(ctx, region, opts)
			if err != nil {
				return nil, awsError(ctx, err)
			}
			r, err := registry.Parse(host)
			if err != nil {
				return nil, Errorf(ReasonAWS, "AWS names the account's own registry %q: %w", host, err)
			}
			ask(r)
		}
		for _, r := range there {
			if !asked[r] && (len(s.Regions) == 0 || slices.Contains(s.Regions, r.Region)) {
				chosen = append(chosen, wanted{r, false})
			}
		}
	}
	slices.SortFunc(chosen, func(a, b wanted) int { return strings.Compare(a.registry.Host(), b.registry.Host()) })
	return chosen, nil
}
