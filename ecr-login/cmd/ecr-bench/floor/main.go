// Command floor is what ecr-bench takes for the least a helper can cost: it
// reads one token file, parses it and prints the answer of a `get`. Whatever
// a helper takes longer, it spends on finding out which file that is, and on
// what it links.
//
// Built with the tag "linked", it also links all that the helper links.
package main

import (
	"encoding/json"
	"errors"
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
		return errors.New("usage: floor TOKEN-FILE")
	}
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	a, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", os.Args[1], err)
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

// answer is what a client gets.
type answer struct{ ServerURL, Username, Secret string }

// parse reads a file of package tokencache, trusting it blindly.
func parse(data []byte) (answer, error) {
	var file struct {
		Password []byte `json:"password"` // in base64
		Entry    struct {
			Hosts []string `json:"hosts"`
			User  string   `json:"user"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return answer{}, err
	}
	if len(file.Entry.Hosts) == 0 || len(file.Password) == 0 {
		return answer{}, errors.New("this is no token file")
	}
	return answer{file.Entry.Hosts[0], file.Entry.User, string(file.Password)}, nil
}
