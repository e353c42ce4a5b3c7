package identity

import (
	"strconv"
	"strings"
)

// The AWS shared config format, read the way the SDK's own parser reads it,
// oddities included: a key means to us exactly what it means to the SDK, or
// the fingerprint would name somebody else.
//
// A file is scanned once for its section headings; only the bodies of the
// sections that turn out to matter are parsed, so the cost of a file with
// hundreds of profiles is that of finding its line ends.

// iniFile is one shared config file, with the places of its sections.
type iniFile struct {
	path  string
	text  string
	heads []iniHead
}

// iniHead is one heading and the bytes of text that follow it up to the next.
type iniHead struct {
	name     string
	from, to int
}

// iniProp is one key of a section. nested holds the pairs of indented lines
// under a key without a value of its own; such a key has an empty value.
type iniProp struct {
	key, value string
	nested     []iniPair
	path       string
}

type iniPair struct{ key, value string }

// iniSection is what all bodies under one heading add up to. A later line
// replaces an earlier one with the same key.
type iniSection []iniProp

// indexINI finds the headings of a file.
//
// A value that is one single quotation mark makes the SDK's parser index out
// of range, wherever in the file it stands; it is reported as an error here.
func indexINI(path, text string) (iniFile, error) {
	f := iniFile{path: path, text: text}
	single, double := strings.IndexByte(text, '\'') >= 0, strings.IndexByte(text, '"') >= 0
	for from := 0; from < len(text); {
		end := strings.IndexByte(text[from:], '\n')
		if end < 0 {
			end = len(text)
		} else {
			end += from
		}
		line := text[from:end]
		name, opens := "", false
		if mayOpenSection(line) {
			name, opens = heading(line)
		}
		switch {
		case opens:
			if n := len(f.heads); n > 0 {
				f.heads[n-1].to = from
			}
			f.heads = append(f.heads, iniHead{name, min(end+1, len(text)), len(text)})
		case (single && strings.IndexByte(line, '\'') >= 0 || double && strings.IndexByte(line, '"') >= 0) && readLine(line).broken:
			return iniFile{}, uncertain(path, ":", strconv.Itoa(1+strings.Count(text[:from], "\n")),
				": a value that is a single quotation mark")
		}
		from = end + 1
	}
	return f, nil
}

// mayOpenSection is the cheap test in front of heading: a heading's first
// character is an opening bracket, perhaps behind white space, which for the
// SDK includes that of Unicode.
func mayOpenSection(line string) bool {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '[' || c >= 0x80:
			return true
		case c == ' ' || '\t' <= c && c <= '\r':
		default:
			return false
		}
	}
	return false
}

// heading returns the name in a section heading. White space around the name
// and between its two words does not count; quotation marks do.
func heading(line string) (name string, ok bool) {
	if i := strings.IndexAny(line, "#;"); i >= 0 {
		line = line[:i]
	}
	line = strings.TrimSpace(line)
	if len(line) < 2 || line[0] != '[' || line[len(line)-1] != ']' {
		return "", false
	}
	name = strings.TrimSpace(line[1 : len(line)-1])
	gap := strings.IndexAny(name, " \t")
	if gap < 0 {
		return name, true
	}
	rest := strings.TrimLeft(name[gap:], " \t")
	if name[gap] == ' ' && len(rest) == len(name)-gap-1 {
		return name, true
	}
	return name[:gap] + " " + rest, true
}

type lineKind uint8

const (
	lineIgnored lineKind = iota
	lineProperty
	lineNested
	lineContinued
)

type iniLine struct {
	kind       lineKind
	key, value string
	broken     bool // the value is a lone quotation mark
}

// readLine sorts a line that is not a heading.
func readLine(line string) iniLine {
	if strings.TrimSpace(line) == "" {
		return iniLine{}
	}
	content := strings.TrimLeft(line, " \t")
	if content != "" && (content[0] == '#' || content[0] == ';') {
		return iniLine{}
	}
	if len(content) == len(line) {
		key, value, ok := splitPair(strings.TrimRight(cutComment(line), " \t"))
		if !ok {
			return iniLine{}
		}
		return pairLine(lineProperty, key, value)
	}
	// A comment behind an indented pair or a continued value is part of it.
	if key, value, ok := splitPair(content); ok {
		return pairLine(lineNested, key, value)
	}
	return iniLine{kind: lineContinued, value: content}
}

func pairLine(kind lineKind, key, value string) iniLine {
	l := iniLine{kind: kind, key: strings.ToLower(key), value: value}
	if n := len(value); n > 0 && (value[0] == '\'' || value[0] == '"') && value[n-1] == value[0] {
		if n == 1 {
			l.broken = true
			return l
		}
		l.value = value[1 : n-1]
	}
	return l
}

// cutComment ends a value at the first comment sign that follows a blank.
func cutComment(s string) string {
	for i := 1; i < len(s); i++ {
		if (s[i] == '#' || s[i] == ';') && (s[i-1] == ' ' || s[i-1] == '\t') {
			return s[:i-1]
		}
	}
	return s
}

func splitPair(s string) (key, value string, ok bool) {
	i := strings.IndexAny(s, "=:")
	if i < 0 {
		return "", "", false
	}
	return strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:]), true
}

// has says whether the file has a section of that name, be it empty.
func (f *iniFile) has(name string) bool {
	for i := range f.heads {
		if f.heads[i].name == name {
			return true
		}
	}
	return false
}

// section parses what the file says under a name.
func (f *iniFile) section(name string) (iniSection, bool) {
	var s iniSection
	found := false
	for i := range f.heads {
		if f.heads[i].name == name {
			found = true
			s = s.parse(f.text[f.heads[i].from:f.heads[i].to], f.path)
		}
	}
	return s, found
}

func (s iniSection) parse(body, path string) iniSection {
	last := -1 // the property that indented lines belong to
	for body != "" {
		line := body
		if i := strings.IndexByte(body, '\n'); i >= 0 {
			line, body = body[:i], body[i+1:]
		} else {
			body = ""
		}
		l := readLine(line)
		switch l.kind {
		case lineProperty:
			s, last = s.set(l.key, l.value, path)
		case lineNested:
			if last < 0 || s[last].value != "" {
				// Nothing to be nested in: an ordinary property after all.
				s, last = s.set(l.key, strings.TrimSpace(cutComment(l.value)), path)
				continue
			}
			s[last].nested = append(s[last].nested, iniPair{l.key, l.value})
		case lineContinued:
			if last >= 0 && s[last].value != "" {
				s[last].value += "\n" + l.value
			}
		}
	}
	return s
}

// set stores a property and returns its place, or -1 for a nameless one,
// which indented lines cannot extend.
func (s iniSection) set(key, value, path string) (iniSection, int) {
	i := s.index(key)
	if i < 0 {
		i = len(s)
		s = append(s, iniProp{})
	}
	s[i] = iniProp{key: key, value: value, path: path}
	if key == "" {
		return s, -1
	}
	return s, i
}

func (s iniSection) index(key string) int {
	for i := range s {
		if s[i].key == key {
			return i
		}
	}
	return -1
}

func (s iniSection) lookup(key string) (string, bool) {
	if i := s.index(key); i >= 0 {
		return s[i].value, true
	}
	return "", false
}

func (s iniSection) value(key string) string {
	v, _ := s.lookup(key)
	return v
}

// nested looks up a key among the indented lines under another. The last of
// several wins.
func (s iniSection) nested(key, sub string) (string, bool) {
	i := s.index(key)
	if i < 0 {
		return "", false
	}
	for j := len(s[i].nested) - 1; j >= 0; j-- {
		if p := s[i].nested[j]; p.key == sub {
			return p.value, true
		}
	}
	return "", false
}
