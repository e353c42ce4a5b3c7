// Command floor is what ecr-bench takes for the least a helper can cost: it
// reads one token file, parses it and prints the answer of a `get`. Whatever
// a helper takes longer, it spends on finding out which file that is, and on
// what it links.
//
// Built with the tag "linked", it also links all that the helper links.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: floor TOKEN-FILE")
	}
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var file struct {
		Entry struct {
			Hosts    []string `json:"hosts"`
			User     string   `json:"user"`
			Password string   `json:"password"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	if len(file.Entry.Hosts) == 0 {
		return fmt.Errorf("%s is no token file", os.Args[1])
	}
	return json.NewEncoder(os.Stdout).Encode(struct{ ServerURL, Username, Secret string }{
		file.Entry.Hosts[0], file.Entry.User, file.Entry.Password,
	})
}
