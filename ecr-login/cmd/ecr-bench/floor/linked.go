//go:build linked

package main

import _ "ecr-credential-helper/ecr-login/internal/app" // for the cost of initialising what it links
