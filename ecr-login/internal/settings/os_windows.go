package settings

import "io/fs"

// ownOrRoots cannot be told cheaply on Windows, where a profile's access lists
// decide.
func ownOrRoots(fs.FileInfo) bool { return true }

// writableByAll cannot be told from mode bits on Windows.
func writableByAll(fs.FileInfo) bool { return false }

// isNoDirectory has nothing to tell here: Windows reports such a path as one
// that does not exist.
func isNoDirectory(error) bool { return false }
