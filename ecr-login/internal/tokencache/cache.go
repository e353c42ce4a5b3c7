// Package tokencache keeps tokens on disk: one file each, written whole or not
// at all, so that the cost of a look-up does not grow with the number of
// tokens and no process can lose another's.
//
// Nothing here fails loudly. A file that is malformed, foreign or writable by
// others is an absent file, and a folder that cannot be written keeps nothing.
package tokencache

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"ecr-credential-helper/ecr-login/internal/fspath"
	"ecr-credential-helper/ecr-login/internal/privatefile"
	"ecr-credential-helper/ecr-login/registry"
	"ecr-credential-helper/ecr-login/token"
)

// Key names one token: whose it is and which endpoint gave it. See
// [NewKey].
type Key [32]byte

// String returns the key in hexadecimal, as it stands in the file's name.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Entry is a token with what is needed to say whose it is and to list it.
type Entry struct {
	Token    token.Token
	Endpoint registry.Endpoint
	Identity string   // in words, for people; holds no secret
	Hosts    []string // registry hosts it was served for, sorted
}

// Cache is a folder of tokens. The zero value keeps nothing.
type Cache struct{ dir string }

const (
	tokensDir = "tokens"
	locksDir  = "locks"
	suffix    = ".json"
)

// New returns the cache in dir, which is made when the first token is put
// there. An empty dir makes a cache that keeps nothing.
func New(dir string) Cache { return Cache{dir} }

func (c Cache) tokens() string { return fspath.Join(c.dir, tokensDir) }

func (c Cache) path(k Key) string { return fspath.Join(c.dir, tokensDir, k.String()+suffix) }

// Get returns the entry of a key, whatever its age. It is false for an entry
// that is absent or cannot be trusted.
func (c Cache) Get(k Key) (Entry, bool) {
	if c.dir == "" {
		return Entry{}, false
	}
	return read(c.path(k), k)
}

// Put writes an entry and prunes what has expired by now. The hosts of an entry
// of the same identity and endpoint that it replaces are kept.
func (c Cache) Put(k Key, e Entry, now time.Time) error {
	if c.dir == "" {
		return nil
	}
	if err := privatefile.MkdirAll(c.tokens()); err != nil {
		return err
	}
	if old, ok := c.Get(k); ok {
		e.Hosts = merge(old.Hosts, e.Hosts)
	}
	if err := c.write(k, e); err != nil {
		return err
	}
	c.prune(now)
	return nil
}

// AddHost remembers that an entry served a further host. It is a courtesy to
// `list` and `erase`: under a lock that is busy it gives up.
func (c Cache) AddHost(k Key, host string) error {
	unlock, ok, err := c.tryLock(k)
	if err != nil || !ok {
		return err
	}
	defer unlock()
	return c.NoteHost(k, host)
}

// NoteHost is AddHost for a caller that holds the key's lock.
func (c Cache) NoteHost(k Key, host string) error {
	e, ok := c.Get(k)
	if !ok || slices.Contains(e.Hosts, host) {
		return nil
	}
	e.Hosts = merge(e.Hosts, []string{host})
	return c.write(k, e)
}

// Forget removes every entry that served host and returns how many there were.
func (c Cache) Forget(host string) (int, error) {
	removed := 0
	var errs []error
	for _, e := range c.all() {
		if !slices.Contains(e.Hosts, host) {
			continue
		}
		switch err := os.Remove(c.path(e.key)); {
		case err == nil:
			removed++
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return removed, errors.Join(errs...)
}

// Served is an entry as far as listing it goes.
type Served struct {
	User  string
	Hosts []string
}

// Served yields the entries that may still be served, in no order.
func (c Cache) Served(now time.Time) func(yield func(Served) bool) {
	return func(yield func(Served) bool) {
		for _, e := range c.all() {
			if e.life.Usable(now) && !yield(Served{e.User, e.Hosts}) {
				return
			}
		}
	}
}

func (c Cache) write(k Key, e Entry) error {
	data, err := encode(k, e)
	if err != nil {
		return err
	}
	if err := privatefile.Write(c.path(k), data); err != nil {
		return err
	}
	// The expiry as modification time lets prune judge by a look at the folder.
	// Without it a file is merely opened for that.
	_ = os.Chtimes(c.path(k), time.Time{}, e.Token.Expires)
	return nil
}

// summary is what an entry says of itself without its password.
type summary struct {
	key  Key
	life token.Token
	stored
}

// all returns the entries that can be trusted, in no order. The files are read
// by several goroutines: with a thousand of them that is what `list` takes.
func (c Cache) all() []summary {
	if c.dir == "" {
		return nil
	}
	names, err := readNames(c.tokens())
	if err != nil {
		return nil
	}
	dir := c.tokens() + string(os.PathSeparator)
	const most, perReader = 8, 16
	readers := min(most, runtime.GOMAXPROCS(0), 1+len(names)/perReader)
	found := make([][]summary, readers)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			for _, name := range names[i*len(names)/readers : (i+1)*len(names)/readers] {
				k, ok := keyOf(name)
				if !ok {
					continue
				}
				data, err := privatefile.Read(dir+name, maxFile)
				if err != nil {
					continue
				}
				if s, _, ok := parse(data, k); ok {
					found[i] = append(found[i], summary{k, s.life(), s})
				}
			}
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

// prune removes expired tokens, unreadable ones that are as old, and the
// temporary files of writers that died. A file of any other name stays: it is
// not ours.
func (c Cache) prune(now time.Time) {
	privatefile.Sweep(c.tokens())
	entries, err := os.ReadDir(c.tokens())
	if err != nil {
		return
	}
	for _, d := range entries {
		info, err := d.Info()
		if err != nil {
			continue
		}
		path := fspath.Join(c.tokens(), d.Name())
		if k, ok := keyOf(d.Name()); ok && now.After(info.ModTime()) {
			if e, ok := read(path, k); !ok || e.Token.Expired(now) {
				_ = os.Remove(path) // one that stays is looked at again
			}
		}
	}
}

func keyOf(name string) (Key, bool) {
	var k Key
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != hex.EncodedLen(len(k)) {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(digits))
	return k, err == nil && digits == k.String()
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return f.Readdirnames(-1)
}

func merge(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxHosts)]
}

// Lock keeps other processes from fetching the same token and returns what
// lets them again. It waits until ctx ends, and then returns its error; a
// holder that dies frees the lock. A folder that cannot be written gives an
// error at once: the caller goes on without.
func (c Cache) Lock(ctx context.Context, k Key) (unlock func(), err error) {
	const first, longest = 2 * time.Millisecond, 50 * time.Millisecond
	if c.dir == "" {
		return func() {}, nil
	}
	for wait := first; ; wait = min(2*wait, longest) {
		unlock, ok, err := c.tryLock(k)
		if ok || err != nil {
			return unlock, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
	}
}
