package cattle

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
)

// registryJSON is what matters of a registry.
type registryJSON struct {
	common
	ServerAddress string
}

// credentialJSON is what matters of a credential. There is no field for the
// secret: the answer to a creation quotes it, and it is not even read.
type credentialJSON struct {
	common
	RegistryID  string
	PublicValue string
	Description string
}

// projectJSON is what matters of an environment.
type projectJSON struct {
	common
	Name string
}

type common struct {
	ID                   string
	UUID                 string
	State                string
	AccountID            string
	Transitioning        string
	TransitioningMessage string
}

func (c common) ident() string { return c.ID }

// check refuses an id that could lead a later request astray.
func (c common) check() error {
	if !plainID(c.ID) {
		return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's answer has no usable id: %q", clean(c.ID))
	}
	return nil
}

type resource interface {
	ident() string
	check() error
}

// list reads all pages of a collection, and gives away what is on a page when
// that has been read as a whole.
func list[T resource](ctx context.Context, c *client, path string, query url.Values, give func(T)) error {
	seen := map[string]bool{}
	marks := map[string]bool{}
	query = clone(query)
	query.Set("limit", strconv.Itoa(pageSize))
	for range maxPages {
		var page collection[T]
		err := c.repeat(ctx, call{method: http.MethodGet, path: path, query: query}, func(r io.Reader) error {
			page = collection[T]{} // whatever an attempt before this one has left
			return page.read(r)
		})
		if err != nil {
			return err
		}
		for _, item := range page.data {
			// A page begins where the one before ended by count, so that something
			// that was removed or added meanwhile shows twice or not at all.
			if id := item.ident(); !seen[id] {
				seen[id] = true
				give(item)
			}
		}
		if page.next == "" {
			return nil
		}
		if len(seen) > maxItems {
			return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's list of %s has no end: %d entries read", path[1:], len(seen))
		}
		marker, err := markerOf(page.next)
		if err != nil {
			return err
		}
		if marks[marker] {
			return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's list of %s goes round in circles", path[1:])
		}
		marks[marker] = true
		query.Set("marker", marker)
	}
	return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's list of %s has no end: %d pages read", path[1:], maxPages)
}

// markerOf takes the marker out of the link to the next page. The link itself is
// not followed: behind a proxy it may name another scheme or host, and the keys
// would go there.
func markerOf(next string) (string, error) {
	u, err := url.Parse(next)
	if err == nil {
		if marker := u.Query().Get("marker"); marker != "" && len(marker) <= 256 {
			return marker, nil
		}
	}
	return "", ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's link to the next page has no marker")
}

func clone(v url.Values) url.Values {
	out := url.Values{}
	for name, values := range v {
		out[name] = values
	}
	return out
}

// collection is one page of a list.
type collection[T resource] struct {
	data []T
	next string
}

// read reads one resource after the other, so that a long page never stands in
// memory as a whole.
func (p *collection[T]) read(r io.Reader) error {
	dec := json.NewDecoder(r)
	if t, err := dec.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return errNoList()
	}
	var kind string
	listed := false
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		switch name {
		case "type":
			err = dec.Decode(&kind)
		case "pagination":
			var pagination struct{ Next string }
			err = dec.Decode(&pagination)
			p.next = pagination.Next
		case "data":
			listed = true
			err = p.readData(dec)
		default:
			var other json.RawMessage
			err = dec.Decode(&other)
		}
		if err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if kind != "collection" || !listed {
		return errNoList()
	}
	return nil
}

func (p *collection[T]) readData(dec *json.Decoder) error {
	if t, err := dec.Token(); err != nil {
		return err
	} else if t != json.Delim('[') {
		return errNoList()
	}
	for dec.More() {
		var item T
		if err := dec.Decode(&item); err != nil {
			return err
		}
		if err := item.check(); err != nil {
			return err
		}
		if p.data = append(p.data, item); len(p.data) > maxOnPage {
			return ranchersync.Errorf(ranchersync.ReasonAnswer, "Rancher's page has more than %d entries", maxOnPage)
		}
	}
	_, err := dec.Token()
	return err
}

// errNoList is an answer of another shape, such as the API's root.
func errNoList() error {
	return ranchersync.Errorf(ranchersync.ReasonAnswer, "something other than a list answers where Rancher's registries should be").
		WithHint("check the URL: it ends with /v2-beta or /v1, or with /projects/<id> behind it")
}
