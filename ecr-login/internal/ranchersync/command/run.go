package command

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"ecr-credential-helper/ecr-login/internal/ranchersync"
	"ecr-credential-helper/ecr-login/internal/ranchersync/cattle"
)

// run is the command behind its flags.
func run(ctx context.Context, d Deps, o options) error {
	if d.env("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(ranchersync.GCPercent))
	}
	screen := newScreen(d.Err, d.env)
	defer screen.close()
	level, err := logLevel(d, o)
	if err != nil {
		return failConfig(d, o, err)
	}
	var log ranchersync.Logger = slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: level}))
	log = tee{log, d.Log}
	s, err := resolve(ctx, d, o, log)
	if err != nil {
		return failConfig(d, o, err)
	}
	syncer := ranchersync.NewSyncer(ranchersync.Syncer{
		Tokens: d.Tokens, Memory: ranchersync.NewMemory(d.StateDir), Clock: d.Clock, Log: log,
		Prober:      prober(d),
		Concurrency: o.concurrency, Interval: s.interval,
	})
	if s.interval > 0 {
		return forEver(ctx, d, o, s, syncer, log)
	}
	for _, w := range s.warnings {
		screen.warn(w)
	}
	syncer.Progress = screen.progress
	return once(ctx, d, o, s, syncer, screen)
}

// logLevel is what is worth a line on stderr. Once, the report says all; for
// ever, there is nothing but the lines.
func logLevel(d Deps, o options) (slog.Level, error) {
	name, value := "--log-level", o.logLevel
	if !o.given("log-level") {
		name, value = "LOG_LEVEL", d.env("LOG_LEVEL")
	}
	switch strings.ToLower(value) {
	case "":
		if _, interval := intervalText(d, o); interval != "" {
			return slog.LevelInfo, nil
		}
		return slog.LevelWarn, nil
	case "trace", "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error", "fatal", "panic":
		return slog.LevelError, nil
	default:
		return 0, configError("%s cannot be %s", name, quote(value)).WithHint("it is debug, info, warn or error")
	}
}

// failConfig reports a configuration that cannot work, on stdout too when a
// machine reads along.
func failConfig(d Deps, o options, err error) error {
	if o.output == "json" {
		now := d.Clock.Now().UTC()
		_, interval := intervalText(d, o)
		if writeErr := writeJSON(d.Out, &ranchersync.Report{
			Version: 1, DryRun: o.dryRun, Started: now, Finished: now, ExitCode: ranchersync.ExitConfig,
			Error: ranchersync.ProblemOf(err), Targets: []ranchersync.TargetReport{},
		}, interval == ""); writeErr != nil {
			return &exitError{ranchersync.ExitFailed, writeErr}
		}
	}
	return &exitError{ranchersync.ExitConfig, err}
}

// once runs once: plan, then result.
func once(ctx context.Context, d Deps, o options, s *setup, syncer *ranchersync.Syncer, screen *screen) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, ranchersync.TimeoutCause(o.timeout))
	defer cancel()
	var out strings.Builder
	pen := printer{w: &out, color: colorful(d.Out, d.env)}
	flush := func() error {
		screen.clear()
		_, err := io.WriteString(d.Out, out.String())
		out.Reset()
		return err
	}
	var report *ranchersync.Report
	var unsaid error // a full disk behind standard output must not let tokens die
	if o.dryRun {
		report = syncer.Preview(syncer.Plan(ctx, s.jobs))
	} else {
		var printing sync.Mutex
		syncer.Planned = func(plan *ranchersync.Report) {
			if o.output != "text" || plan.Totals.Planned == 0 {
				return
			}
			printing.Lock()
			defer printing.Unlock()
			// Said before it is done, so that whoever sees it can still stop it.
			pen.plan(plan, false)
			if err := flush(); err != nil && unsaid == nil {
				unsaid = err
				if gone(err) {
					cancel()
				}
			}
		}
		report = syncer.Run(ctx, s.jobs)
		if gone(unsaid) {
			return &exitError{ranchersync.ExitFailed, unsaid}
		}
	}
	var err error
	switch {
	case o.output == "json":
		err = writeJSON(&out, report, true)
	case o.dryRun:
		pen.plan(report, true)
		pen.dryRunEnd(report)
	default:
		pen.result(report)
	}
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = unsaid
	}
	if err != nil {
		return &exitError{ranchersync.ExitFailed, err}
	}
	if report.ExitCode != ranchersync.ExitOK {
		return &exitError{code: report.ExitCode}
	}
	return nil
}

// gone reports whether who was to read the output has gone.
func gone(err error) bool { return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) }

func writeJSON(w io.Writer, r *ranchersync.Report, indent bool) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(r)
}

// forEver runs until ctx ends.
func forEver(ctx context.Context, d Deps, o options, s *setup, syncer *ranchersync.Syncer, log ranchersync.Logger) error {
	service := ranchersync.NewService(s.jobs, syncer.Memory, d.Clock, d.Version)
	var serving sync.WaitGroup
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var broken error // why the service ended by itself
	if s.listen != "" {
		l, err := d.Listen("tcp", s.listen)
		if err != nil {
			return failConfig(d, o, configError("cannot listen for health checks: %w", err).
				WithHint("choose another port with --listen or LISTEN_PORT, or --listen off"))
		}
		log.Log(ctx, slog.LevelInfo, "listening", "address", l.Addr().String())
		serving.Go(func() {
			if err := service.Serve(ctx, l); err != nil {
				broken = err
				stop(err)
			}
		})
	}
	for _, w := range s.warnings {
		log.Log(ctx, slog.LevelWarn, w)
	}
	log.Log(ctx, slog.LevelInfo, "rancher-sync starts", "version", d.Version, "targets", len(s.jobs), "interval", s.interval.String())
	var output error
	loop := &ranchersync.Loop{
		Syncer: syncer, Jobs: s.jobs, Interval: s.interval, Timeout: o.timeout, Chance: d.Chance,
		Observe: func(r *ranchersync.Report) {
			service.Observe(r)
			if o.output != "json" || output != nil {
				return
			}
			switch err := writeJSON(d.Out, r, false); {
			case gone(err):
				output = err
				stop(err)
			case err != nil:
				// A full disk behind standard output must not let tokens die.
				log.Log(ctx, slog.LevelError, "the report cannot be written", "because", err.Error())
			}
		},
	}
	loop.Run(ctx)
	log.Log(ctx, slog.LevelInfo, "rancher-sync ends", "because", context.Cause(ctx).Error())
	stop(nil)
	serving.Wait()
	if output != nil {
		return &exitError{ranchersync.ExitFailed, output}
	}
	if broken != nil {
		return &exitError{ranchersync.ExitFailed, broken}
	}
	return nil
}

// prober tries tokens against their registries.
func prober(d Deps) ranchersync.Prober {
	transport := d.RegistryTransport
	if transport == nil {
		t := cattle.NewTransport(cattle.TransportOptions{})
		t.Proxy = proxy(d)
		transport = t
	}
	return ranchersync.HTTPProber{Client: &http.Client{Transport: transport}}
}
