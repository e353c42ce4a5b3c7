package identity

import (
	"crypto/sha256"
	"encoding/binary"
)

// field is one labelled thing that an identity depends on.
type field struct{ label, value string }

// material collects everything that decides the principal, in a fixed order.
type material struct{ fields []field }

func (m *material) add(label, value string) {
	m.fields = append(m.fields, field{label, value})
}

// addSecret adds what may hold a secret, so that only a hash of it stays around.
func (m *material) addSecret(label, value string) {
	if value != "" {
		sum := sha256.Sum256([]byte(value))
		value = string(sum[:])
	}
	m.add(label, value)
}

// encoding marks the meaning of the fields. It changes with their meaning, so
// that old cache entries are not found under a key that now says something
// else.
const encoding = "ecr identity 1"

// digest hashes fields so that no two different lists yield the same input:
// the length stands in front of every label and value.
func digest(fields []field) [sha256.Size]byte {
	buf := make([]byte, 0, 1024)
	put := func(s string) {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	put(encoding)
	for _, f := range fields {
		put(f.label)
		put(f.value)
	}
	return sha256.Sum256(buf)
}
