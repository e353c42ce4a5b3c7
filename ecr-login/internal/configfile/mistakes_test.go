package configfile

// Mistake is a file that is refused, with the very words. Those beyond a JSON
// Schema's power to say are marked.
type Mistake struct {
	Content, Want string
	BeyondSchema  bool
}

// Mistakes returns them by what is wrong.
func Mistakes() map[string]Mistake {
	const host = "registries:\n  - host: 111122223333.dkr.ecr.eu-west-1.amazonaws.com\n"
	const own = "registries:\n  - host: docker.example.com\n"
	return map[string]Mistake{
		"an unknown key near a known one": {
			Content: "timeot: 20s\n", Want: `config.yaml:1: unknown key "timeot" in the file; did you mean "timeout"?`,
		},
		"an unknown key in capitals": {
			Content: "# a comment\nTimeout: 20s\n", Want: `config.yaml:2: unknown key "Timeout" in the file; did you mean "timeout"?`,
		},
		"an unknown key near none": {
			Content: "colour: red\n",
			Want:    `config.yaml:1: unknown key "colour" in the file; there are: registries, fallback_helper, public_auth, timeout, log, rancher`,
		},
		"an unknown key of a registry": {
			Content: host + "    rolearn: x\n", Want: `config.yaml:3: unknown key "rolearn" in an element of registries; did you mean "role_arn"?`,
		},
		"an unknown key of the log": {
			Content: "log:\n  file: /tmp/x\n", Want: `config.yaml:2: unknown key "file" in log; there are: level, format, max_size, keep`,
		},
		"a merge key": {
			Content: "log: &l {}\n<<: *l\n", Want: `config.yaml:2: unknown key "<<" in the file; there are: registries, fallback_helper, public_auth, timeout, log, rancher`,
			BeyondSchema: true,
		},
		"a key set twice": {
			Content: "timeout: 20s\n# once more\ntimeout: 20s\n", Want: `config.yaml:3: "timeout" is set twice, first in line 1`, BeyondSchema: true,
		},
		"a key of a registry set twice": {
			Content: host + "    host: x\n", Want: `config.yaml:3: "host" is set twice, first in line 2`, BeyondSchema: true,
		},
		"a list in the file's place":    {Content: "- x\n", Want: `config.yaml:1: the file must be a list of keys and values`},
		"a word in the file's place":    {Content: "hello\n", Want: `config.yaml:1: the file must be a list of keys and values`},
		"a second document":             {Content: "{}\n---\n{}\n", Want: `config.yaml:2: a second document begins; the file must hold one`, BeyondSchema: true},
		"a tab":                         {Content: "log:\n\tlevel: info\n", Want: "config.yaml:2: not valid YAML: found character that cannot start any token", BeyondSchema: true},
		"a bracket that is not closed":  {Content: "registries: [\n", Want: "config.yaml:1: not valid YAML: did not find expected node content", BeyondSchema: true},
		"an alias to nothing":           {Content: "timeout: *x\n", Want: "config.yaml: not valid YAML: unknown anchor 'x' referenced", BeyondSchema: true},
		"a control character":           {Content: "timeout: \x01\n", Want: "config.yaml: not valid YAML: control characters are not allowed", BeyondSchema: true},
		"a control character, escaped":  {Content: host + `    profile: "a\nb"` + "\n", Want: "config.yaml:3: the value holds control characters", BeyondSchema: true},
		"registries that are no list":   {Content: "registries: {host: x}\n", Want: "config.yaml:1: registries must be a list; begin each element with a dash"},
		"a registry that is no mapping": {Content: "registries:\n  - prod\n", Want: "config.yaml:2: an element of registries must be a list of keys and values"},
		"a registry without a host":     {Content: "registries:\n  - profile: prod\n", Want: "config.yaml:2: an element of registries needs a host"},
		"a list in the place of a value": {
			Content: host + "    profile: [prod]\n", Want: "config.yaml:3: one value is expected here",
		},
		"a host with a scheme": {
			Content: "registries:\n  - host: https://docker.example.com\n",
			Want:    `config.yaml:2: "https://docker.example.com" is not a host name without scheme, port and path, in which * stands for any run of characters without a dot`,
		},
		"a host with a port": {
			Content: "registries:\n  - host: docker.example.com:443\n",
			Want:    `config.yaml:2: "docker.example.com:443" is not a host name without scheme, port and path, in which * stands for any run of characters without a dot`,
		},
		"a host with an empty label": {
			Content: "registries:\n  - host: docker..com\n",
			Want:    `config.yaml:2: "docker..com" is not a host name without scheme, port and path, in which * stands for any run of characters without a dot`,
		},
		"a host of one's own without account": {
			Content: own + "    profile: x\n", Want: "config.yaml:2: docker.example.com is no ECR host; say with account and region which registry it stands for", BeyondSchema: true,
		},
		"an account without region": {
			Content: own + "    account: \"111122223333\"\n",
			Want:    "config.yaml:2: account and region go together: they name the registry behind a host of your own",
		},
		"a region without account": {
			Content: own + "    region: eu-west-1\n", Want: "config.yaml:2: account and region go together: they name the registry behind a host of your own",
		},
		"an account of 11 digits": {
			Content: own + "    account: \"11112222333\"\n    region: eu-west-1\n",
			Want:    "config.yaml:2: account must have 12 digits, in quotes, and region be one such as eu-west-1",
		},
		"a region that is none": {
			Content: own + "    account: \"111122223333\"\n    region: nowhere\n",
			Want:    "config.yaml:2: account must have 12 digits, in quotes, and region be one such as eu-west-1",
		},
		"an account for an ECR host": {
			Content:      host + "    account: \"111122223333\"\n    region: eu-west-1\n",
			Want:         "config.yaml:2: 111122223333.dkr.ecr.eu-west-1.amazonaws.com is an ECR host already; account and region are for hosts of your own",
			BeyondSchema: true,
		},
		"an external ID without a role": {Content: host + "    external_id: x\n", Want: "config.yaml:2: external_id means nothing without role_arn"},
		"a role that is none": {
			Content: host + "    role_arn: pull\n", Want: `config.yaml:3: "pull" is not the ARN of a role, such as arn:aws:iam::111122223333:role/pull`,
		},
		"a user in a role's place": {
			Content: host + "    role_arn: arn:aws:iam::111122223333:user/bob\n",
			Want:    `config.yaml:3: "arn:aws:iam::111122223333:user/bob" is not the ARN of a role, such as arn:aws:iam::111122223333:role/pull`,
		},
		"a path as fallback helper": {
			Content: "fallback_helper: ../evil\n",
			Want:    `config.yaml:1: "../evil" is not the name of a credential helper without its prefix docker-credential-, such as osxkeychain`,
		},
		"a flag as fallback helper": {
			Content: "fallback_helper: --help\n",
			Want:    `config.yaml:1: "--help" is not the name of a credential helper without its prefix docker-credential-, such as osxkeychain`,
		},
		"a timeout that is none":    {Content: "timeout: soon\n", Want: "config.yaml:1: timeout must be a duration between 100ms and 10m, such as 20s"},
		"a timeout too short":       {Content: "timeout: 1ms\n", Want: "config.yaml:1: timeout must be a duration between 100ms and 10m, such as 20s", BeyondSchema: true},
		"a timeout too long":        {Content: "timeout: 11m\n", Want: "config.yaml:1: timeout must be a duration between 100ms and 10m, such as 20s", BeyondSchema: true},
		"a negative timeout":        {Content: "timeout: -5\n", Want: "config.yaml:1: timeout must be a duration between 100ms and 10m, such as 20s"},
		"a timeout of many seconds": {Content: "timeout: 601\n", Want: "config.yaml:1: timeout must be a duration between 100ms and 10m, such as 20s"},
		"a list of timeouts":        {Content: "timeout: [20s]\n", Want: "config.yaml:1: timeout must be a duration between 100ms and 10m, such as 20s"},
		"a wrong kind of public_auth": {
			Content: "public_auth: requird\n", Want: `config.yaml:1: "requird" is none of optional, required; did you mean "required"?`,
		},
		"public_auth as a truth value": {Content: "public_auth: true\n", Want: `config.yaml:1: "true" is none of optional, required`},
		"a wrong log level": {
			Content: "log:\n  level: warning\n", Want: `config.yaml:2: "warning" is none of off, error, warn, info, debug`,
		},
		"a misspelt log level":   {Content: "log: {level: eror}\n", Want: `config.yaml:1: "eror" is none of off, error, warn, info, debug; did you mean "error"?`},
		"a wrong log format":     {Content: "log: {format: xml}\n", Want: `config.yaml:1: "xml" is none of text, json`},
		"a log that is no map":   {Content: "log: debug\n", Want: "config.yaml:1: log must be a list of keys and values"},
		"a size without number":  {Content: "log: {max_size: big}\n", Want: "config.yaml:1: max_size must be a number of bytes between 1KB and 1GB, such as 5MB"},
		"a size too small":       {Content: "log: {max_size: 10}\n", Want: "config.yaml:1: max_size must be a number of bytes between 1KB and 1GB, such as 5MB"},
		"a size too large":       {Content: "log: {max_size: 2GB}\n", Want: "config.yaml:1: max_size must be a number of bytes between 1KB and 1GB, such as 5MB", BeyondSchema: true},
		"a negative size":        {Content: "log: {max_size: -5MB}\n", Want: "config.yaml:1: max_size must be a number of bytes between 1KB and 1GB, such as 5MB"},
		"a size beyond numbers":  {Content: "log: {max_size: 99999999999999999999GB}\n", Want: "config.yaml:1: max_size must be a number of bytes between 1KB and 1GB, such as 5MB", BeyondSchema: true},
		"no file kept":           {Content: "log: {keep: 0}\n", Want: "config.yaml:1: keep must be a number of files between 1 and 100"},
		"many files kept":        {Content: "log: {keep: 101}\n", Want: "config.yaml:1: keep must be a number of files between 1 and 100"},
		"some files kept":        {Content: "log: {keep: some}\n", Want: "config.yaml:1: keep must be a number of files between 1 and 100"},
		"a target without a url": {Content: "rancher:\n  - access_key: x\n", Want: "config.yaml:2: an element of rancher needs a url"},
		"a target's unknown key": {
			Content: "rancher:\n  - url: https://r.example.com\n    secret_key: hunter2\n",
			Want:    `config.yaml:3: unknown key "secret_key" in an element of rancher`,
		},
		"a target's wrong registry": {
			Content: "rancher:\n  - url: https://r.example.com\n    registries: [docker.io]\n", Want: `config.yaml:3: "docker.io" is not an Amazon ECR registry`,
			BeyondSchema: true,
		},
		"a target's wrong flag": {
			Content: "rancher:\n  - url: https://r.example.com\n    create: maybe\n", Want: "config.yaml:3: create must be true or false",
		},
		"a circle of aliases": {
			Content: "registries: &r\n  - *r\n", Want: "config.yaml:1: an element of registries must be a list of keys and values", BeyondSchema: true,
		},
	}
}
