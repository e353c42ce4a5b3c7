package identity

import (
	"crypto/sha256"
	"os"
	"strconv"
	"strings"

	"ecr-credential-helper/ecr-login/internal/fspath"
)

// resolver walks the SDK's chain and writes down what it passes.
type resolver struct {
	in  Inputs
	env environment

	config   string // the text of the config file
	explicit bool   // the profile was chosen by Inputs.Profile
	top      *profile

	fileReader
	material
	id Identity
}

func (r *resolver) home() (string, error) {
	if r.in.Home != "" {
		return r.in.Home, nil
	}
	return homeDir(r.env)
}

// load reads what the SDK reads before it looks for credentials. What fails
// here fails there, even when the credentials come from elsewhere.
func (r *resolver) load() error {
	if err := r.env.check(); err != nil {
		return err
	}
	files, err := r.loadShared(r.env, r.home)
	if err != nil {
		return err
	}
	name := r.in.Profile
	r.explicit = name != ""
	if name == "" {
		name = r.env.get("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
	}
	if name == "" {
		name = "default"
	}
	r.config = files.config.text
	reader := profileReader{files: files}
	top, exists, err := reader.read(name)
	switch {
	case err != nil:
		return err
	case exists:
		r.top = top
	case r.explicit || r.env.get("AWS_PROFILE") != "":
		return uncertain("profile ", quoted(name), " is neither in ", files.config.path, " nor in ", files.credentials.path)
	default:
		// A profile named by AWS_DEFAULT_PROFILE alone may be missing.
		r.top = &profile{}
	}
	if r.top.session != nil {
		// The SDK looks for the session's token even if it is not used.
		if _, err := r.home(); err != nil {
			return err
		}
	}
	return nil
}

// chain finds the credentials in the SDK's order: an explicit profile, keys
// and web identity from the environment, any other profile.
func (r *resolver) chain() error {
	if !r.explicit {
		if id := r.env.accessKeyID(); id != "" {
			r.keys(EnvironmentKeys, id, "")
			return nil
		}
		if file := r.env.get("AWS_WEB_IDENTITY_TOKEN_FILE"); file != "" {
			return r.webIdentity(file, r.env.get("AWS_ROLE_ARN"), r.env.get("AWS_ROLE_SESSION_NAME"), "")
		}
	}
	return r.profile(r.top)
}

func (r *resolver) profile(p *profile) error {
	var err error
	switch {
	case p.source != nil:
		err = r.profile(p.source)
	case p.accessKeyID != "":
		r.keys(ProfileKeys, p.accessKeyID, p.name)
	case p.credentialSource != "":
		err = r.namedSource(p)
	case p.tokenFile != "":
		// The role is that of the token; it is not assumed a second time.
		return r.webIdentity(p.tokenFile, p.roleARN, p.sessionName, p.name)
	case p.hasSSO():
		err = r.sso(p)
	case p.loginSession != "":
		session := strings.TrimSpace(p.loginSession)
		r.begin(LoginSession, p.name, session)
		r.add("login session", session)
		r.endpoint("endpoint of signin", "Signin", true)
	case p.process != "":
		r.process(p)
	case r.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		err = r.container()
	default:
		err = r.instance()
	}
	if err != nil {
		return err
	}
	if p.roleARN != "" {
		r.assume(p.roleARN, p.externalID, p.mfaSerial, p.sessionName, p.duration)
		r.endpoint("endpoint of sts", "STS", true)
	}
	return nil
}

// namedSource takes the credentials that a role's credential_source names.
func (r *resolver) namedSource(p *profile) error {
	switch p.credentialSource {
	case "Ec2InstanceMetadata":
		return r.instance()
	case "EcsContainer":
		return r.container()
	case "Environment":
		id := r.env.accessKeyID()
		if id == "" {
			return &uncertainError{"profile " + quoted(p.name) + " takes its credentials from the environment, which has none", ErrNoCredentials}
		}
		r.keys(EnvironmentKeys, id, p.name)
		return nil
	}
	return uncertain("profile ", quoted(p.name), " has an unknown credential_source: ", quoted(p.credentialSource))
}

// begin notes where the first credentials come from. It adds no field: the
// labels that follow differ from kind to kind.
func (r *resolver) begin(kind Kind, profile, detail string) {
	r.id.kind, r.id.profile, r.id.detail = kind, profile, detail
}

// keys notes static keys. Where they stand does not matter: an access key ID
// belongs to one principal.
func (r *resolver) keys(kind Kind, accessKeyID, profile string) {
	r.begin(kind, profile, abbreviate(accessKeyID))
	r.add("access key ID", accessKeyID)
}

// abbreviate keeps enough of an access key ID to recognise it by. What is too
// short to be one may be something else put in the wrong place.
func abbreviate(accessKeyID string) string {
	if len(accessKeyID) < 16 {
		return ""
	}
	return accessKeyID[:4] + "…" + accessKeyID[len(accessKeyID)-4:]
}

func (r *resolver) webIdentity(file, role, session, profile string) error {
	if role == "" {
		return uncertain("a web identity token is configured without a role")
	}
	token, err := r.read(file, maxTokenFile)
	if err != nil {
		return &uncertainError{"the web identity token cannot be read", err}
	}
	r.begin(WebIdentity, profile, "")
	r.id.roles = append(r.id.roles, role)
	r.add("web identity role", role)
	r.add("session name", session)
	r.token(token)
	r.endpoint("endpoint of sts", "STS", true)
	return nil
}

func (r *resolver) sso(p *profile) error {
	d := SSODetails{StartURL: p.ssoStartURL, Region: p.ssoRegion, AccountID: p.ssoAccountID, RoleName: p.ssoRoleName}
	if p.ssoSession != "" {
		s := p.session
		if s == nil || s.region == "" || s.startURL == "" {
			return uncertain("profile ", quoted(p.name), " has an incomplete sso-session: ", quoted(p.ssoSession))
		}
		if p.ssoRegion != "" && p.ssoRegion != s.region || p.ssoStartURL != "" && p.ssoStartURL != s.startURL {
			return uncertain("profile ", quoted(p.name), " contradicts its sso-session: ", quoted(p.ssoSession))
		}
		d.Session, d.StartURL, d.Region = p.ssoSession, s.startURL, s.region
	} else if d.StartURL == "" || d.Region == "" || d.AccountID == "" || d.RoleName == "" {
		return uncertain("profile ", quoted(p.name), " has incomplete SSO settings")
	}
	// The home directory holds the session, and thereby decides which user's
	// it is.
	home, err := r.home()
	if err != nil {
		return err
	}
	r.begin(SSO, p.name, d.AccountID+"/"+d.RoleName)
	r.id.sso = d
	r.add("sso-session", d.Session)
	r.add("start URL", d.StartURL)
	r.add("SSO region", d.Region)
	r.add("account", d.AccountID)
	r.add("role name", d.RoleName)
	r.add("home", absolute(home))
	r.endpoint("endpoint of sso", "SSO", true)
	return nil
}

// process notes a command by its text and by what else of its surroundings
// plainly has a say in what it prints.
func (r *resolver) process(p *profile) {
	r.begin(CredentialProcess, p.name, "")
	r.addSecret("command", p.process)
	r.add("profile", p.name)
	r.add("config file", absolute(p.processFile))
	// It may be an AWS tool that reads other profiles of the same file.
	text := sha256.Sum256([]byte(r.config))
	r.add("config text", string(text[:]))
	home, _ := r.home() // without one the command gets along, or fails
	r.add("home", absolute(home))
	if relativeCommand(p.process) {
		r.add("working directory", absolute("."))
	}
	r.program(p.process)
	// The command inherits the environment, where these speak to AWS tools,
	// and where it may look up variables of its own.
	for _, name := range [...]string{
		"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS",
	} {
		r.addSecret("variable "+name, r.env.get(name))
	}
	// A role assumed with the command's keys may be assumed there.
	r.add("general endpoint", r.generalEndpoint())
	r.add("access key ID", r.env.accessKeyID())
	for _, name := range variablesIn(p.process) {
		r.addSecret("variable "+name, r.env.get(name))
	}
}

func absolute(path string) string {
	if abs, err := fspath.Abs(path); err == nil {
		return abs
	}
	return path
}

// relativeCommand tells whether what a command line runs or reads depends on
// the working directory, as far as a glance can tell: a word of it is a path
// that is not absolute, or the name of something that is there.
func relativeCommand(command string) bool {
	for _, word := range words(command) {
		if fspath.IsAbs(word) || strings.Contains(word, "://") {
			continue
		}
		if strings.ContainsAny(word, `/\`) {
			return true
		}
		if _, err := os.Lstat(word); err == nil {
			return true
		}
	}
	return false
}

// words takes a command line apart at whatever may stand between a path and the
// rest.
func words(command string) []string {
	return strings.FieldsFunc(command, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`=:;,|&()<>", r) })
}

// program notes which program a command line that names it without a path would
// run: with another PATH it is another program.
func (r *resolver) program(command string) {
	all := words(command)
	if len(all) == 0 || strings.ContainsAny(all[0], `/\`) {
		return
	}
	path := r.env.get("PATH")
	for _, dir := range strings.Split(path, string(os.PathListSeparator)) {
		file := fspath.Join(dir, all[0])
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			r.add("program", absolute(file))
			return
		}
	}
	// A word of the shell's own, or Windows with its endings.
	r.add("variable PATH", path)
}

// variablesIn returns the names of environment variables that a command line
// mentions, as a Unix shell ($NAME, ${NAME…}) or cmd.exe (%NAME%) writes them.
func variablesIn(command string) []string {
	var names []string
	for i := 0; i < len(command); i++ {
		if command[i] != '$' && command[i] != '%' {
			continue
		}
		start := i + 1
		if start < len(command) && command[start] == '{' {
			start++
		}
		end := start
		for end < len(command) && isNameByte(command[end]) {
			end++
		}
		if end > start {
			names = append(names, command[start:end])
		}
	}
	return names
}

func isNameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// container notes the credentials endpoint of ECS, EKS or the like. Without a
// token that tells pods or users apart, the machine has to.
func (r *resolver) container() error {
	relative := r.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
	full := r.env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative == "" && full == "" {
		return &uncertainError{"EcsContainer is the credential_source, but no container credentials are offered", ErrNoCredentials}
	}
	token := r.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if file := r.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		var err error
		if token, err = r.read(file, maxTokenFile); err != nil {
			return &uncertainError{"the container authorization token cannot be read", err}
		}
	}
	if strings.ContainsAny(token, "\r\n") {
		return uncertain("the container authorization token has more than one line")
	}
	r.begin(Container, "", "")
	if relative != "" {
		r.add("relative URI", relative)
	} else {
		r.add("full URI", full)
	}
	if token == "" {
		return r.addMachine()
	}
	r.token(token)
	if _, isJWT := parseJWT(token); isJWT {
		return nil
	}
	return r.addMachine()
}

// instance notes the role of the EC2 instance, which is whatever the metadata
// endpoint of this machine says.
func (r *resolver) instance() error {
	if strings.EqualFold(r.env.get("AWS_EC2_METADATA_DISABLED"), "true") {
		return &uncertainError{"nothing configures credentials, and instance metadata is switched off", ErrNoCredentials}
	}
	r.begin(Instance, "", "")
	endpoint := r.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	if endpoint == "" {
		endpoint = r.top.imdsEndpoint
	}
	if endpoint == "" {
		mode := strings.TrimSpace(r.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"))
		if mode == "" {
			mode = strings.TrimSpace(r.top.imdsMode)
		}
		endpoint = "http://169.254.169.254"
		if strings.EqualFold(mode, "IPv6") {
			endpoint = "http://[fd00:ec2::254]"
		}
	}
	r.add("metadata endpoint", endpoint)
	return r.addMachine()
}

func (r *resolver) addMachine() error {
	find := r.in.machine
	if find == nil {
		find = machine
	}
	id, ok := find()
	if !ok {
		return uncertain("this machine cannot be told from others")
	}
	r.add("machine", id)
	// Someone who forgets to exempt the address from a proxy is answered by
	// the proxy's machine.
	for _, name := range [...]string{"HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"} {
		r.addSecret("variable "+name, r.env.get(name))
	}
	return nil
}

// assume notes a role assumed with the credentials found so far.
func (r *resolver) assume(role, externalID, mfa, session string, seconds int64) {
	r.id.roles = append(r.id.roles, role)
	if mfa != "" {
		r.id.mfa = mfa
	}
	r.add("role", role)
	r.add("external ID", externalID)
	r.add("MFA device", mfa)
	r.add("session name", session)
	r.add("duration", strconv.FormatInt(seconds, 10))
}
