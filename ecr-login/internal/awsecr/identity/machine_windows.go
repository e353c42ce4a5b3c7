package identity

import (
	"os"
	"syscall"
	"unsafe"
)

// machine names the place whose metadata service and loopback we would talk
// to: the ID that setup gave this Windows, and its host name, which tells
// machines made from one image, and containers, apart.
func machine() (string, bool) {
	id, ok := machineGUID()
	if !ok {
		return "", false
	}
	host, err := os.Hostname()
	if err != nil {
		return "", false
	}
	return id + "\x00" + host, true
}

func machineGUID() (string, bool) {
	path, err := syscall.UTF16PtrFromString(`SOFTWARE\Microsoft\Cryptography`)
	if err != nil {
		return "", false
	}
	name, err := syscall.UTF16PtrFromString("MachineGuid")
	if err != nil {
		return "", false
	}
	// The 32-bit view of the registry does not have the value.
	const wow64_64Key = 0x0100
	var key syscall.Handle
	if syscall.RegOpenKeyEx(syscall.HKEY_LOCAL_MACHINE, path, 0, syscall.KEY_QUERY_VALUE|wow64_64Key, &key) != nil {
		return "", false
	}
	defer func() { _ = syscall.RegCloseKey(key) }() // opened for reading
	var buf [128]uint16
	size, kind := uint32(len(buf)*2), uint32(0)
	err = syscall.RegQueryValueEx(key, name, nil, &kind, (*byte)(unsafe.Pointer(&buf[0])), &size)
	if err != nil || kind != syscall.REG_SZ || size == 0 {
		return "", false
	}
	id := syscall.UTF16ToString(buf[:size/2])
	return id, id != ""
}
