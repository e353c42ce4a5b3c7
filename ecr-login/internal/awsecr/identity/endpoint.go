package identity

import "strings"

// endpoint notes where requests to a service go if not to AWS itself: another
// endpoint, another world of accounts.
//
// chain marks the clients that the SDK makes for itself while it resolves
// credentials. They do not heed a general endpoint, only one of their own.
func (r *resolver) endpoint(label, service string, chain bool) {
	url, set := r.serviceEndpoint(service)
	if !set && !chain {
		url = r.generalEndpoint()
		set = url != ""
	}
	if set {
		url = "=" + url
	}
	r.add(label, url)
}

func (r *resolver) generalEndpoint() string {
	if r.endpointsIgnored() {
		return ""
	}
	if url := r.env.get("AWS_ENDPOINT_URL"); url != "" {
		return url
	}
	return r.top.endpointURL
}

// serviceEndpoint returns an endpoint configured for one service. A general
// one in the environment, even an empty one, outdoes the services section of
// a profile.
func (r *resolver) serviceEndpoint(service string) (string, bool) {
	id := strings.ReplaceAll(service, " ", "_")
	variable := "AWS_ENDPOINT_URL_" + strings.ToUpper(id)
	if r.env.has("AWS_ENDPOINT_URL") && !r.env.has(variable) || r.endpointsIgnored() {
		return "", false
	}
	if url := r.env.get(variable); url != "" {
		return url, true
	}
	return r.top.services.nested(strings.ToLower(id), "endpoint_url")
}

func (r *resolver) endpointsIgnored() bool {
	ignore := r.env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
	if ignore == "" {
		ignore = r.top.ignoreEndpoints
	}
	return strings.EqualFold(ignore, "true")
}
