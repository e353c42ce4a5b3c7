// Package command is `rancher-sync` as people and containers call it: flags,
// environment and configuration in, plan and result tables, JSON or log lines
// out, and an exit code.
package command
