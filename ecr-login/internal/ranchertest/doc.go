// Package ranchertest is a Rancher 1.x server for tests and demonstrations: the
// part of its API (called Cattle) that deals with registries and their
// credentials, over real HTTP and without Rancher.
//
// It is strict where Rancher is: ids carry a type prefix, secrets are returned
// on creation only, unknown filters and fields are ignored without a word,
// states change with time, an action exists only in the states it starts from,
// and every kind of key sees and may do what it may in Rancher. The rules were
// read off rancher/cattle, branch v1.6.
//
// Every request is recorded ([Server.Requests]), with whether it changed
// anything, so that a test can prove what a program did and did not do. Faults
// ([Server.Inject]) cut connections, delay or falsify answers.
package ranchertest
