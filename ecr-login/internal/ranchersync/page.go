package ranchersync

import (
	"bytes"
	"html/template"
	"net/http"
	"time"
)

const pageHTML = `<!DOCTYPE html>
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
<h1>rancher-sync {{.Version}}: {{if .Problem}}<span class="bad">{{.Problem}}</span>{{else}}<span class="ok">in order</span>{{end}}</h1>
<p class="note">Running since {{.Started}}. <a href="healthz">healthz</a> · <a href="metrics">metrics</a></p>
{{range .Targets}}
<h2>{{.Name}}</h2>
{{if .Error}}<p class="bad">{{.Error.Message}}</p>{{if .Error.Hint}}<p class="note">hint: {{.Error.Hint}}</p>{{end}}{{end}}
<p class="note">Last run {{.At}}, last in order {{.Success}}.</p>
{{if .Rows}}<table>
<tr><th>Registry</th><th>Credential</th><th>Status</th><th>Token until</th></tr>
{{range .Rows}}<tr><td>{{.Registry}}</td><td>{{.Credential}}</td>
<td><span class="{{if .Bad}}bad{{else}}ok{{end}}">{{.Status}}</span>{{range .Notes}}<br><span class="note">{{.}}</span>{{end}}</td>
<td>{{.Until}}</td></tr>
{{end}}</table>{{end}}
{{if .More}}<p class="note">And {{.More}} more.</p>{{end}}
{{end}}
</body>
</html>
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
	tmpl, err := template.New("page").Parse(pageHTML)
	var out bytes.Buffer
	if err == nil {
		err = tmpl.Execute(&out, s.pageData())
	}
	if err != nil {
		text(w, http.StatusInternalServerError, "the page cannot be written\n")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(out.Bytes())
}

func (s *Service) pageData() pageData {
	data := pageData{Version: s.version, Started: stamp(s.started)}
	if err := s.Health(); err != nil {
		data.Problem = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.names {
		st := s.targets[name]
		t := pageTarget{Name: name, At: moment(st.at), Success: moment(st.lastSuccess), Error: st.last.Error}
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
