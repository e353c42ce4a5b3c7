module ecr-credential-helper

go 1.26.0
