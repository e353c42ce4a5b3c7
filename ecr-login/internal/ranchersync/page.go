package ranchersync

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const pageHead = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="60">
<title>rancher-sync</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
.ok { color: #18794e; } .bad { color: #cd2b31; } .note { color: #888; font-size: .9em; }
</style>
</head>
<body>
`

// maxRows is how many credentials of a target the page shows.
const maxRows = 500

type pageData struct {
	Version, Started, Problem string
	Targets                   []pageTarget
}

type pageTarget struct {
	Name, At, Success string
	Error             *Problem
	Rows              []pageRow
	More              int
}

type pageRow struct {
	Registry, Credential, Until string
	Status                      Status
	Bad                         bool
	Notes                       []string
}

// page answers people who want to know how things are.
func (s *Service) page(w http.ResponseWriter, _ *http.Request) {
	var out htmlPage
	out.write(s.pageData())
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write([]byte(out.String()))
}

// htmlPage builds the page. html/template would do it as well, but whoever links
// a template package keeps every method of every type in the binary, and a
// third of a credential helper's size would be for this one page.
type htmlPage struct{ strings.Builder }

// put writes markup, with every argument escaped.
func (p *htmlPage) put(markup string, args ...string) {
	escaped := make([]any, len(args))
	for i, a := range args {
		escaped[i] = html.EscapeString(a)
	}
	_, _ = fmt.Fprintf(p, markup, escaped...)
}

func (p *htmlPage) write(d pageData) {
	p.WriteString(pageHead)
	state, class := "in order", "ok"
	if d.Problem != "" {
		state, class = d.Problem, "bad"
	}
	p.put("<h1>rancher-sync %s: <span class=\"%s\">%s</span></h1>\n", d.Version, class, state)
	p.put("<p class=\"note\">Running since %s. <a href=\"healthz\">healthz</a> · <a href=\"metrics\">metrics</a></p>\n", d.Started)
	for _, t := range d.Targets {
		p.target(t)
	}
	p.WriteString("</body>\n</html>\n")
}

func (p *htmlPage) target(t pageTarget) {
	p.put("<h2>%s</h2>\n", t.Name)
	if t.Error != nil {
		p.put("<p class=\"bad\">%s</p>\n", t.Error.Message)
		if t.Error.Hint != "" {
			p.put("<p class=\"note\">hint: %s</p>\n", t.Error.Hint)
		}
	}
	p.put("<p class=\"note\">Last run %s, last in order %s.</p>\n", t.At, t.Success)
	if len(t.Rows) > 0 {
		p.put("<table>\n<tr><th>Registry</th><th>Credential</th><th>Status</th><th>Token until</th></tr>\n")
		for _, row := range t.Rows {
			class := "ok"
			if row.Bad {
				class = "bad"
			}
			p.put("<tr><td>%s</td><td>%s</td>\n<td><span class=\"%s\">%s</span>", row.Registry, row.Credential, class, string(row.Status))
			for _, note := range row.Notes {
				p.put("<br><span class=\"note\">%s</span>", note)
			}
			p.put("</td>\n<td>%s</td></tr>\n", row.Until)
		}
		p.put("</table>\n")
	}
	if t.More > 0 {
		p.put("<p class=\"note\">And %s more.</p>\n", strconv.Itoa(t.More))
	}
}

func (s *Service) pageData() pageData {
	data := pageData{Version: s.version, Started: stamp(s.started)}
	if err := s.Health(); err != nil {
		data.Problem = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	failed := 0
	for _, st := range s.targets {
		if st.last.Failed() {
			failed++
		}
	}
	if data.Problem == "" && failed > 0 {
		data.Problem = fmt.Sprintf("%d of %d targets not in order", failed, len(s.targets))
	}
	for _, st := range s.targets {
		t := pageTarget{Name: st.name, At: moment(st.at), Success: moment(st.lastSuccess), Error: st.last.Error}
		for i, e := range st.last.Registries {
			if i == maxRows {
				t.More = len(st.last.Registries) - maxRows
				break
			}
			row := pageRow{Registry: e.Registry, Credential: e.CredentialID, Status: e.Status, Bad: e.Error != nil, Notes: e.Warnings}
			if e.Expires != nil {
				row.Until = stamp(*e.Expires)
			}
			if e.Error != nil {
				row.Notes = append([]string{e.Error.Message}, row.Notes...)
			}
			t.Rows = append(t.Rows, row)
		}
		data.Targets = append(data.Targets, t)
	}
	return data
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "never yet"
	}
	return "at " + stamp(t)
}
