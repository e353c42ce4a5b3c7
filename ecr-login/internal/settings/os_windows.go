package settings

import "io/fs"

// writableByAll cannot be told from mode bits on Windows.
func writableByAll(fs.FileInfo) bool { return false }

// isNoDirectory has nothing to tell here: Windows reports such a path as one
// that does not exist.
func isNoDirectory(error) bool { return false }
