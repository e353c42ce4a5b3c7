package configfile

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"ecr-credential-helper/ecr-login/internal/settings"
	"ecr-credential-helper/ecr-login/registry"
)

// The functions of this file are the schema: docs/config.schema.json says the
// same for editors, and a test compares the two.

func topFields(r reader, f *settings.File, targets *[]RancherTarget) []field {
	return []field{
		{"registries", func(n *yaml.Node) error {
			return r.list(n, "registries", func(n *yaml.Node) error {
				rule, err := r.rule(n)
				if err != nil {
					return err
				}
				f.Registries = append(f.Registries, rule)
				return nil
			})
		}},
		{"fallback_helper", func(n *yaml.Node) error {
			err := r.text(&f.Fallback, func(v string) string {
				if !settings.ValidHelperName(strings.TrimPrefix(v, settings.HelperPrefix)) {
					return "the name of a credential helper without its prefix docker-credential-, such as osxkeychain"
				}
				return ""
			})(n)
			f.Fallback = strings.TrimPrefix(f.Fallback, settings.HelperPrefix)
			return err
		}},
		{"public_auth", r.oneOf(&f.PublicAuth, []string{"optional", "required"})},
		{"timeout", func(n *yaml.Node) error {
			d, err := settings.ParseTimeout(n.Value)
			if n.Kind != yaml.ScalarNode || err != nil {
				return r.fail(n.Line, "timeout must be a duration between 100ms and 10m, such as 20s")
			}
			f.Timeout = d
			return nil
		}},
		{"log", func(n *yaml.Node) error { return r.mapping(n, "log", logFields(r, &f.Log)) }},
		{"rancher", func(n *yaml.Node) error {
			return r.list(n, "rancher", func(n *yaml.Node) error {
				t, err := r.target(n)
				*targets = append(*targets, t)
				return err
			})
		}},
	}
}

func logFields(r reader, l *settings.Log) []field {
	return []field{
		{"level", r.oneOf(&l.Level, settings.LogLevels)},
		{"format", r.oneOf(&l.Format, settings.LogFormats)},
		{"max_size", func(n *yaml.Node) error {
			size, ok := parseSize(n.Value)
			if n.Kind != yaml.ScalarNode || !ok {
				return r.fail(n.Line, "max_size must be a number of bytes between 1KB and 1GB, such as 5MB")
			}
			l.MaxSize = size
			return nil
		}},
		{"keep", func(n *yaml.Node) error {
			const most = 100
			keep, err := strconv.Atoi(n.Value)
			if n.Kind != yaml.ScalarNode || err != nil || keep < 1 || keep > most {
				return r.fail(n.Line, "keep must be a number of files between 1 and 100")
			}
			l.Keep = keep
			return nil
		}},
	}
}

func ruleFields(r reader, rule *settings.Rule) []field {
	return []field{
		{"host", r.text(&rule.Host, func(v string) string {
			if !validPattern(v) {
				return "a host name without scheme, port and path, in which * stands for any run of characters without a dot"
			}
			return ""
		})},
		{"profile", r.text(&rule.Profile, nil)},
		{"role_arn", r.text(&rule.RoleARN, wrongRole)},
		{"external_id", r.text(&rule.ExternalID, nil)},
		{"account", r.text(&rule.Account, nil)},
		{"region", r.text(&rule.Region, nil)},
	}
}

func (r reader) rule(n *yaml.Node) (settings.Rule, error) {
	var rule settings.Rule
	if err := r.mapping(n, "an element of registries", ruleFields(r, &rule)); err != nil {
		return rule, err
	}
	rule.Host = strings.ToLower(rule.Host)
	switch {
	case rule.Host == "":
		return rule, r.fail(n.Line, "an element of registries needs a host")
	case rule.ExternalID != "" && rule.RoleARN == "":
		return rule, r.fail(n.Line, "external_id means nothing without role_arn")
	case (rule.Account == "") != (rule.Region == ""):
		return rule, r.fail(n.Line, "account and region go together: they name the registry behind a host of your own")
	case rule.Account == "":
		_, err := registry.Parse(rule.Host)
		switch pattern := strings.Contains(rule.Host, "*"); {
		case !pattern && err != nil:
			return rule, r.fail(n.Line, "%s is no ECR host; say with account and region which registry it stands for", rule.Host)
		case pattern && !settings.CanMatch(rule.Host):
			return rule, r.fail(n.Line, "%s matches no ECR host; say with account and region which registry it stands for", rule.Host)
		}
		return rule, nil
	}
	if _, err := registry.New(rule.Account, rule.Region); err != nil {
		return rule, r.fail(n.Line, "account must have 12 digits, in quotes, and region be one such as eu-west-1")
	}
	if _, err := registry.Parse(rule.Host); err == nil {
		return rule, r.fail(n.Line, "%s is an ECR host already; account and region are for hosts of your own", rule.Host)
	}
	return rule, nil
}

func targetFields(r reader, t *RancherTarget) []field {
	return []field{
		{"url", r.text(&t.URL, nil)},
		{"access_key", r.text(&t.AccessKey, nil)},
		{"secret_key_file", r.text(&t.SecretKeyFile, nil)},
		{"ca_file", r.text(&t.CAFile, nil)},
		{"insecure_skip_tls_verify", r.flag("insecure_skip_tls_verify", &t.InsecureSkipVerify)},
		{"projects", r.texts("projects", &t.Projects, nil)},
		{"registries", r.texts("registries", &t.Registries, func(v string) string {
			if _, err := registry.Parse(v); err != nil {
				return "an Amazon ECR registry"
			}
			return ""
		})},
		{"registry_ids", r.texts("registry_ids", &t.RegistryIDs, func(v string) string {
			if _, err := registry.New(v, registry.PublicRegion); err != nil {
				return "an account of 12 digits, in quotes"
			}
			return ""
		})},
		{"regions", r.texts("regions", &t.Regions, func(v string) string {
			if _, err := registry.New("000000000000", v); err != nil {
				return "a region such as eu-west-1"
			}
			return ""
		})},
		{"profile", r.text(&t.Profile, nil)},
		{"role_arn", r.text(&t.RoleARN, wrongRole)},
		{"email", r.text(&t.Email, nil)},
		{"create", r.flag("create", &t.Create)},
		{"activate", r.flag("activate", &t.Activate)},
		{"verify_registry", r.flag("verify_registry", &t.VerifyRegistry)},
		{"note_expiry", r.flag("note_expiry", &t.NoteExpiry)},
	}
}

func (r reader) target(n *yaml.Node) (RancherTarget, error) {
	t := RancherTarget{Line: n.Line}
	if err := r.mapping(n, "an element of rancher", targetFields(r, &t)); err != nil {
		return t, err
	}
	if t.URL == "" {
		return t, r.fail(n.Line, "an element of rancher needs a url")
	}
	return t, nil
}

// text takes a scalar as it is written. wrong, if any, says what a value that
// it does not like should have been.
func (r reader) text(to *string, wrong func(string) string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode {
			return r.fail(n.Line, "one value is expected here")
		}
		if strings.ContainsFunc(n.Value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return r.fail(n.Line, "the value holds control characters")
		}
		if wrong != nil {
			if want := wrong(n.Value); want != "" {
				return r.fail(n.Line, "%q is not %s", n.Value, want)
			}
		}
		*to = n.Value
		return nil
	}
}

// texts takes a list of scalars.
func (r reader) texts(key string, to *[]string, wrong func(string) string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		return r.list(n, key, func(n *yaml.Node) error {
			var v string
			if err := r.text(&v, wrong)(n); err != nil {
				return err
			}
			*to = append(*to, v)
			return nil
		})
	}
}

func wrongRole(v string) string {
	if !strings.HasPrefix(v, "arn:") || !strings.Contains(v, ":role/") {
		return "the ARN of a role, such as arn:aws:iam::111122223333:role/pull"
	}
	return ""
}

func (r reader) oneOf(to *string, values []string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		v := strings.ToLower(n.Value)
		if n.Kind != yaml.ScalarNode || !slices.Contains(values, v) {
			return r.fail(n.Line, "%q is none of %s%s", n.Value, strings.Join(values, ", "), nearestOnly(v, values))
		}
		*to = v
		return nil
	}
}

func nearestOnly(wrong string, valid []string) string {
	if s := suggest(wrong, valid); strings.HasPrefix(s, "; did") {
		return s
	}
	return ""
}

func (r reader) flag(key string, to *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := n.Decode(to); err != nil || n.Kind != yaml.ScalarNode {
			return r.fail(n.Line, "%s must be true or false", key)
		}
		return nil
	}
}

func validPattern(s string) bool {
	s = strings.ToLower(s)
	return s != "" && len(s) <= 253 && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..") &&
		!strings.ContainsFunc(s, func(c rune) bool {
			return !isWord(c) && !strings.ContainsRune("-_.*", c)
		})
}

func isWord(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// parseSize reads 5MB, 500KB, 1GB or a bare number of bytes. The units are
// powers of 1024, as people mean them for files.
func parseSize(s string) (int64, bool) {
	const least, most = 1 << 10, 1 << 30
	factor := int64(1)
	s = strings.ToUpper(strings.TrimSpace(s))
	for _, u := range []struct {
		unit   string
		factor int64
	}{{"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(s, u.unit); ok {
			s, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n <= 0 {
		return 0, false
	}
	return n * factor, n*factor >= least && n*factor <= most
}
