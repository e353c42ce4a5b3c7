// Package cattle keeps the registry credentials of a Rancher 1.x environment.
//
// Rancher's API is called Cattle. Its ways that shape this package: a
// registry's address cannot be filtered by, so everything is listed, page by
// page; secrets are write-only, so what was pushed can be verified only by what
// surrounds it; whatever is created becomes active some time later; and a pull
// takes the active credential with the lowest id of the active registry whose
// address is exactly the image's host.
//
// The keys go to the configured origin only: links in answers are never
// followed and redirects are refused.
package cattle
