package ranchersync

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"path/filepath"
	"sync"
	"time"

	"ecr-credential-helper/ecr-login/internal/privatefile"
)

const (
	memoryVersion = 1
	// maxMemory bounds a memory file; ten thousand credentials take about 4 MB.
	maxMemory = 32 << 20
	saltSize  = 32
)

// Memory knows what was pushed where. It holds no token, only a salted hash that
// tells whether a token is the one pushed before. The zero value forgets when
// the program ends; with a folder, each target has a file of its own there.
//
// Losing it does no harm: everything is pushed once more. So a file that is
// damaged, foreign or written by another version is treated as absent, and of
// two programs that save at the same moment one may be forgotten.
type Memory struct {
	dir string

	mu      sync.Mutex
	targets map[string]*recollection
}

// NewMemory returns a memory that is kept in dir, which is made when something
// is saved; an empty dir keeps it in this process only.
func NewMemory(dir string) *Memory { return &Memory{dir: dir} }

// recollection is what is known about one target.
type recollection struct {
	Version     int               `json:"version"`
	Salt        []byte            `json:"salt"`
	Credentials map[string]pushed `json:"credentials"`
	fresh       map[string]bool   // changed in this process since the file was read
	mac         hash.Hash
}

// pushed is one token in one credential.
type pushed struct {
	marks
	Host    string    `json:"host"`
	UID     string    `json:"uid,omitempty"` // of the credential
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
}

// marks are what is remembered of a token and its owner: enough to know them
// again and nothing more.
type marks struct {
	Mark  string `json:"mark"`
	Owner string `json:"owner,omitempty"` // empty when unknown
}

// life is how long the token lives in all.
func (p pushed) life() time.Duration { return p.Expires.Sub(p.Issued) }

// target returns what is known about a target. The caller holds mu.
func (m *Memory) target(key string) *recollection {
	if m.targets == nil {
		m.targets = map[string]*recollection{}
	}
	r := m.targets[key]
	if r == nil {
		if r = m.read(key); r == nil {
			r = &recollection{Version: memoryVersion, Salt: newSalt(), Credentials: map[string]pushed{}}
		}
		r.fresh = map[string]bool{}
		r.mac = hmac.New(sha256.New, r.Salt)
		m.targets[key] = r
	}
	return r
}

func newSalt() []byte {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return salt
}

func (m *Memory) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(m.dir, hex.EncodeToString(sum[:12])+".json")
}

// read returns the target's file, nil when there is none that can be trusted.
func (m *Memory) read(key string) *recollection {
	if m.dir == "" {
		return nil
	}
	data, err := privatefile.Read(m.path(key), maxMemory)
	if err != nil {
		return nil
	}
	var r recollection
	if json.Unmarshal(data, &r) != nil || r.Version != memoryVersion || len(r.Salt) != saltSize {
		return nil
	}
	if r.Credentials == nil {
		r.Credentials = map[string]pushed{}
	}
	return &r
}

// recall returns what was pushed into an entry's credential.
func (m *Memory) recall(key string, e *Entry) (pushed, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.target(key).Credentials[e.Credential]
	if !ok || p.Host != e.Host || p.UID != e.UID {
		return pushed{}, false
	}
	return p, true
}

// tokens returns what is known to be in a target's credentials.
func (m *Memory) tokens(key string) map[tokenPlace]held {
	m.mu.Lock()
	defer m.mu.Unlock()
	tokens := map[tokenPlace]held{}
	for id, p := range m.target(key).Credentials {
		tokens[tokenPlace{p.Host, id}] = held{p.Expires, p.life()}
	}
	return tokens
}

// marks returns a token's marks in the memory of a target.
func (m *Memory) marks(key string, tok Token) marks {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.target(key)
	return marks{Mark: r.mark(tok.Password.Reveal()), Owner: r.mark(tok.Identity)}
}

func (r *recollection) mark(secret string) string {
	if secret == "" {
		return ""
	}
	r.mac.Reset()
	var piece [256]byte // thousands of tokens are not copied as a whole
	for len(secret) > 0 {
		n := copy(piece[:], secret)
		r.mac.Write(piece[:n])
		secret = secret[n:]
	}
	return hex.EncodeToString(r.mac.Sum(piece[:0])[:16])
}

// remember notes what an entry's credential holds now.
func (m *Memory) remember(key string, e *Entry, p pushed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Host, p.UID = e.Host, e.UID
	r := m.target(key)
	r.Credentials[e.Credential] = p
	r.fresh[e.Credential] = true
}

// doubt is for a credential that may or may not have got a token: what is known
// of it is not taken for good any more, only for when it ends at the earliest.
func (m *Memory) doubt(key string, e *Entry, next pushed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.target(key)
	r.fresh[e.Credential] = true
	p, ok := r.Credentials[e.Credential]
	if !ok || p.Host != e.Host || p.UID != e.UID {
		delete(r.Credentials, e.Credential)
		return
	}
	p.marks = marks{}
	if next.Expires.Before(p.Expires) {
		p.Issued, p.Expires = next.Issued, next.Expires
	}
	r.Credentials[e.Credential] = p
}

// save writes what is known about a target, without what has expired.
func (m *Memory) save(key string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.target(key)
	ended := func(p pushed) bool { return !now.Before(p.Expires) }
	stale := false
	for _, p := range r.Credentials {
		stale = stale || ended(p)
	}
	if m.dir == "" || len(r.fresh) == 0 && !stale {
		return nil
	}
	// Another program may have saved meanwhile: what it knows is kept, unless it
	// salts differently and so cannot be compared.
	if saved := m.read(key); saved != nil && hmac.Equal(saved.Salt, r.Salt) {
		for id := range r.fresh {
			if p, ok := r.Credentials[id]; ok {
				saved.Credentials[id] = p
			} else {
				delete(saved.Credentials, id)
			}
		}
		r.Credentials = saved.Credentials
	}
	for id, p := range r.Credentials {
		if ended(p) {
			delete(r.Credentials, id)
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := privatefile.MkdirAll(m.dir); err != nil {
		return err
	}
	if err := privatefile.Write(m.path(key), data); err != nil {
		return err
	}
	clear(r.fresh)
	return nil
}
