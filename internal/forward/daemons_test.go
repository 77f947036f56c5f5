package forward_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/forward"
)

// daemon is a syslog receiver of a distribution, with a configuration, a folder and a port of its own.
type daemon struct {
	t       testing.TB
	command []string
	env     []string
	out     string // the file that it writes raw messages to, one a line
	address string
	cmd     *exec.Cmd
}

// program answers where a daemon is: installed, or unpacked where make test puts the one that the other keeps out. A test without
// it is skipped: scripts/setup.sh installs both on Debian.
func program(t testing.TB, name string) string {
	t.Helper()
	unpacked, err := filepath.Abs("../../.tools/syslog-ng/usr/sbin/" + name)
	require.NoError(t, err)
	for _, path := range []string{"/usr/sbin/" + name, unpacked} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed (scripts/setup.sh test installs it on Debian)", name)
	return ""
}

// freePort answers one below those that the system gives to connections: a daemon that comes back must find it free, and while it
// is away nobody's connection may have taken it.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+mrand.IntN(12000)))
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }()
		_, port, err := net.SplitHostPort(l.Addr().String())
		require.NoError(t, err)
		return port
	}
	t.Fatal("no port is free")
	return ""
}

func rsyslog(t testing.TB, transport string) *daemon {
	t.Helper()
	path, dir, port := program(t, "rsyslogd"), t.TempDir(), freePort(t)
	out := filepath.Join(dir, "out.log")
	network := `module(load="imtcp")`
	if transport == forward.TLS {
		certificates(t, dir)
		network = fmt.Sprintf(`global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="%[1]s/ca.pem" defaultNetstreamDriverCertFile="%[1]s/cert.pem" defaultNetstreamDriverKeyFile="%[1]s/key.pem")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")`, dir)
	}
	conf := fmt.Sprintf(`global(workDirectory="%s" maxMessageSize="64k")
%s
template(name="raw" type="string" string="%%rawmsg%%\n")
ruleset(name="in") { action(type="omfile" file="%s" template="raw") }
input(type="imtcp" port="%s" address="127.0.0.1" ruleset="in")
`, dir, network, out, port)
	file := filepath.Join(dir, "rsyslog.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf), 0o600))
	return &daemon{t: t, out: out, address: "127.0.0.1:" + port, command: []string{path, "-n", "-f", file, "-i", filepath.Join(dir, "pid")}}
}

func syslogNG(t testing.TB) *daemon {
	t.Helper()
	path, dir, port := program(t, "syslog-ng"), t.TempDir(), freePort(t)
	out := filepath.Join(dir, "out.log")
	conf := fmt.Sprintf(`@version: 3.35
options { use-dns(no); };
source s { syslog(ip("127.0.0.1") port(%s) transport("tcp") flags(store-raw-message)); };
destination d { file("%s" template("${RAWMSG}\n")); };
log { source(s); destination(d); };
`, port, out)
	file := filepath.Join(dir, "syslog-ng.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf), 0o600))
	d := &daemon{t: t, out: out, address: "127.0.0.1:" + port, command: []string{
		path, "-F", "--no-caps", "-f", file, "-p", filepath.Join(dir, "pid"), "-R", filepath.Join(dir, "persist"), "-c", filepath.Join(dir, "ctl"),
	}}
	if root, unpacked := strings.CutSuffix(path, "/usr/sbin/syslog-ng"); unpacked && root != "" {
		lib := root + "/usr/lib/syslog-ng"
		modules, err := filepath.Glob(lib + "/[0-9]*")
		require.NoError(t, err)
		require.NotEmpty(t, modules)
		d.command = append(d.command, "--module-path", modules[0])
		d.env = []string{"LD_LIBRARY_PATH=" + lib}
	}
	return d
}

// start starts the daemon, again where it does not listen: a machine with much to do takes its time, and a port may be held by
// what the one before has left.
func (d *daemon) start() {
	d.t.Helper()
	var said strings.Builder
	for range 3 {
		d.cmd = exec.Command(d.command[0], d.command[1:]...)
		d.cmd.Env = append(os.Environ(), d.env...)
		d.cmd.Stdout, d.cmd.Stderr = &said, &said
		require.NoError(d.t, d.cmd.Start())
		running := d.cmd
		d.t.Cleanup(func() { _ = running.Process.Kill(); _ = running.Wait() })
		if d.listens(60 * time.Second) {
			return
		}
		d.end(syscall.SIGKILL)
	}
	d.t.Fatalf("%s does not listen: %s", d.command[0], said.String())
}

func (d *daemon) listens(within time.Duration) bool {
	for until := time.Now().Add(within); time.Now().Before(until); <-time.After(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", d.address); err == nil {
			_ = c.Close()
			return true
		}
	}
	return false
}

func (d *daemon) end(how syscall.Signal) {
	d.t.Helper()
	require.NoError(d.t, d.cmd.Process.Signal(how))
	_ = d.cmd.Wait() // it ends by the signal, which is an error to Wait
}

func (d *daemon) text() string {
	raw, err := os.ReadFile(d.out)
	if err != nil {
		return ""
	}
	return string(raw)
}

// The receivers that people have are killed and come back while rows are written, some of them in mid-stream. By event id nothing
// is missing and nothing is out of order; what came twice is the same to the byte.
func TestAgainstRealReceivers(t *testing.T) {
	for name, make := range map[string]func(testing.TB) (*daemon, forward.Wanted){
		"rsyslog": func(t testing.TB) (*daemon, forward.Wanted) {
			d := rsyslog(t, forward.TCP)
			return d, toSyslog("siem", d.address)
		},
		"syslog-ng": func(t testing.TB) (*daemon, forward.Wanted) {
			d := syslogNG(t)
			return d, toSyslog("siem", d.address)
		},
		"rsyslog by TLS": func(t testing.TB) (*daemon, forward.Wanted) {
			d := rsyslog(t, forward.TLS)
			w := toSyslog("siem", d.address)
			dir := filepath.Dir(d.out)
			w.Transport, w.ServerName = forward.TLS, "logs.example.org"
			w.CA, w.Certificate, w.Key = read(t, dir, "ca.pem"), read(t, dir, "cert.pem"), read(t, dir, "key.pem")
			return d, w
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, wanted := make(t)
			d.start()
			o := quick("127.0.0.1")
			o.Term, o.Settle, o.RetryMost = 100*time.Millisecond, time.Second, 200*time.Millisecond
			h := newHouse(t, o)
			target := h.create(wanted)
			h.run()
			h.current(target.ID, 20*time.Second)
			require.Equal(t, h.all(), idsOf(d.text()))
			const kills, each = 4, 20
			tick := time.NewTicker(15 * time.Millisecond)
			defer tick.Stop()
			for range kills {
				for i := range each {
					h.append(5)
					<-tick.C
					if i == each/2 {
						d.end(syscall.SIGKILL)
					}
				}
				d.start()
			}
			h.current(target.ID, 60*time.Second)
			lines := strings.Split(strings.TrimSpace(d.text()), "\n")
			received := idsOf(d.text())
			require.Equal(t, h.all(), once(received), "nothing is lost, and nothing is out of order")
			t.Logf("%d rows, %d kills, %d messages, of them %d again", len(h.all()), kills, len(received), len(received)-len(h.all()))
			sameOrTorn(t, lines)
			before := len(received)
			h.append(30)
			h.current(target.ID, 20*time.Second)
			d.end(syscall.SIGTERM)
			d.start()
			h.append(30)
			h.current(target.ID, 20*time.Second)
			received = idsOf(d.text())
			require.Equal(t, h.all(), once(received))
			require.Len(t, received, before+60, "a receiver that stops when it has everything is sent nothing twice")
		})
	}
}

// sameOrTorn says that messages of one id are one message. A receiver that was killed in mid-write may leave a line's beginning.
func sameOrTorn(t testing.TB, lines []string) {
	t.Helper()
	first := map[string]string{}
	for _, line := range lines {
		ids := idsOf(line)
		if len(ids) != 1 {
			continue
		}
		if was, again := first[ids[0]]; again {
			require.True(t, was == line || strings.HasPrefix(line, was) || strings.HasPrefix(was, line), "%s\n%s", was, line)
			continue
		}
		first[ids[0]] = line
	}
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(raw)
}

// certificates writes an authority, and one certificate of it for both sides.
func certificates(t testing.TB, dir string) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return k
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey, leafKey := key(), key()
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "logs.example.org"}, DNSNames: []string{"logs.example.org"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(leafKey)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: root}, "cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
}
