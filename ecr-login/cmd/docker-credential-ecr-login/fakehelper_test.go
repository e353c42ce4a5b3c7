package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"ecr-credential-helper/ecr-login/internal/warm"
)

// fakeHelper is another credential helper, which keeps what it is given in the
// JSON file FAKE_STORE. FAKE_MODE makes it misbehave.
const fakeHelper = "docker-credential-fake"

func fakeHelperMain() {
	if note := os.Getenv("FAKE_NOTE"); note != "" {
		// Who was asked for what, for tests that want to see it.
		f, err := os.OpenFile(note, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(strings.Join(os.Args[1:], " ") + "\n")
			f.Close()
		}
		if err != nil {
			fmt.Println("the note cannot be written")
			os.Exit(1)
		}
	}
	switch os.Getenv("FAKE_MODE") {
	case "hang":
		time.Sleep(time.Hour)
	case "fail":
		fmt.Println("the vault is locked")
		os.Exit(1)
	case "crash":
		fmt.Fprintln(os.Stderr, "goodbye")
		os.Exit(3)
	case "silent":
		os.Exit(1)
	case "chatty":
		fmt.Fprintln(os.Stderr, "please touch the security key")
	case "null":
		fmt.Println("null")
		os.Exit(0)
	case "garbage":
		fmt.Println("<html>")
		os.Exit(0)
	case "huge":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<16)); err != nil {
				os.Exit(1)
			}
		}
	}
	// Package warm, which the test binary links as the program does, has read
	// the request before main.
	if err := credentials.HandleCommand(fake{os.Getenv("FAKE_STORE")}, os.Args[1], warm.Stdin(), os.Stdout); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

type fake struct{ path string }

func (f fake) load() (map[string]credentials.Credentials, error) {
	kept := map[string]credentials.Credentials{}
	b, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(b, &kept)
	return kept, err
}

func (f fake) change(edit func(map[string]credentials.Credentials)) error {
	kept, err := f.load()
	if err != nil {
		return err
	}
	edit(kept)
	b, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return os.WriteFile(f.path, b, 0o600)
}

func (f fake) Add(c *credentials.Credentials) error {
	return f.change(func(kept map[string]credentials.Credentials) { kept[c.ServerURL] = *c })
}

func (f fake) Delete(server string) error {
	return f.change(func(kept map[string]credentials.Credentials) { delete(kept, server) })
}

func (f fake) Get(server string) (user, password string, err error) {
	kept, err := f.load()
	if err != nil {
		return "", "", err
	}
	c, ok := kept[server]
	if !ok {
		return "", "", credentials.NewErrCredentialsNotFound()
	}
	return c.Username, c.Secret, nil
}

func (f fake) List() (map[string]string, error) {
	kept, err := f.load()
	list := map[string]string{}
	for server, c := range kept {
		list[server] = c.Username
	}
	return list, err
}
