package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"ecr-credential-helper/ecr-login/internal/awstest"
)

func TestFiftyProcessesAtOnceMakeOneCall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	// Long enough for all of them to be there before the answer is.
	l.aws.SetLatency(awstest.OpECRToken, 300*time.Millisecond)
	const processes = 50
	passwords := make([]string, processes)
	var wait sync.WaitGroup
	for i := range processes {
		cmd := l.command(t.Context(), "get")
		wait.Go(func() {
			password, err := l.password(l.finish(cmd, irish), irish)
			if err != nil {
				t.Error(err)
			}
			passwords[i] = password
		})
	}
	wait.Wait()
	l.calls(1)
	for _, p := range passwords {
		if p != passwords[0] {
			t.Error("they have different passwords")
		}
	}
	l.noTemporaryFiles()
}

func TestFortyAccountsInARegionCostOneCall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for i := range 40 {
		l.get(fmt.Sprintf("%012d.dkr.ecr.eu-west-1.amazonaws.com", i))
	}
	l.calls(1)
	if n := len(l.entries()); n != 1 {
		t.Errorf("%d tokens are kept", n)
	}
}

func TestSlowCallsForDifferentRegionsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const latency = time.Second
	l.aws.SetLatency(awstest.OpECRToken, latency)
	regions := []string{"eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-south-1"}
	var wait sync.WaitGroup
	start := time.Now()
	for _, region := range regions {
		host := "111122223333.dkr.ecr." + region + ".amazonaws.com"
		cmd := l.command(t.Context(), "get")
		wait.Go(func() {
			if _, err := l.password(l.finish(cmd, host), host); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	l.calls(len(regions))
	if took := time.Since(start); took > 3*latency {
		t.Errorf("together they took %v", took)
	}
}
