package tokencache

import (
	"os"
	"strconv"

	"ecr-credential-helper/ecr-login/internal/fspath"
	"ecr-credential-helper/ecr-login/internal/privatefile"
)

// The locks are a fixed set of files that are never deleted: deleting a lock
// file while another process opens it would let two processes hold "the" lock.
const stripes = 64

// probes is how many stripes a key may use. A key whose stripe is held for
// another key uses the next one, so that two slow calls that have nothing to
// do with each other do not wait for each other.
const probes = 3

// tryLock takes the lock of a key unless another process holds it. Who holds a
// stripe writes the key into it, which is how the others tell whether it is
// theirs that is being fetched.
func (c Cache) tryLock(k Key) (unlock func(), ok bool, err error) {
	if c.dir == "" {
		return func() {}, true, nil
	}
	dir := fspath.Join(c.dir, locksDir)
	if err := privatefile.MkdirAll(dir); err != nil {
		return nil, false, err
	}
	var held *os.File
	defer func() {
		if !ok && held != nil {
			_ = held.Close() // closing frees it
		}
	}()
	for i := range probes {
		f, err := privatefile.OpenLock(fspath.Join(dir, stripeName(k, i)))
		if err != nil {
			return nil, false, err
		}
		got, err := privatefile.TryLock(f)
		switch {
		case err != nil:
			_ = f.Close()
			return nil, false, err
		case !got:
			mine := mayServe(f, k)
			_ = f.Close()
			if mine {
				return nil, false, nil
			}
		case held == nil:
			// The first free stripe is the one; the rest are still looked at,
			// for a process that came while it was busy may hold one of them.
			held = f
			if err := sign(held, k.String()); err != nil {
				return nil, false, err
			}
		default:
			_ = f.Close()
		}
	}
	if held == nil {
		return nil, false, nil
	}
	return func() {
		// Emptied first: a stripe that is locked and empty is one whose new
		// holder has not signed yet.
		_ = held.Truncate(0)
		_ = held.Close()
	}, true, nil
}

// mayServe reports whether the holder of a busy stripe may be fetching k: it
// says so, or it has not said yet.
func mayServe(f *os.File, k Key) bool {
	text := make([]byte, 2*len(k))
	n, _ := f.ReadAt(text, 0)
	return n < len(text) || string(text) == k.String()
}

func sign(f *os.File, key string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(key), 0)
	return err
}

func stripeName(k Key, probe int) string {
	n := (int(k[0]) + probe) % stripes
	// With the user's number in it: a lock that another user made, root with
	// HOME kept perhaps, would be one that this user can never take.
	return strconv.Itoa(n) + "." + strconv.Itoa(os.Geteuid()) + ".lock"
}
