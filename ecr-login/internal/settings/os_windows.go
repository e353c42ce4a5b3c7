package settings

// isNoDirectory has nothing to tell here: Windows reports such a path as one
// that does not exist.
func isNoDirectory(error) bool { return false }
