package identity

import "os"

// machine names the place whose metadata service and loopback we would talk
// to: this boot of this kernel, this host name and this network namespace.
// Namespace and host name tell containers of one machine apart, because
// proxies such as kube2iam give every pod another role under one address.
func machine() (string, bool) {
	boot, err := readPseudo("/proc/sys/kernel/random/boot_id")
	if err != nil || boot == "" {
		return "", false
	}
	host, err := os.Hostname()
	if err != nil {
		return "", false
	}
	// Unreadable in some sandboxes; boot and host name still count there.
	netns, _ := os.Readlink("/proc/self/ns/net")
	return boot + "\x00" + host + "\x00" + netns, true
}

// readPseudo reads a short file of procfs, whose size shows as zero.
func readPseudo(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // nothing was written
	var buf [128]byte
	n, err := f.Read(buf[:])
	return string(buf[:n]), err
}
