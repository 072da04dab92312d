package official

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// startCore starts the core's binary on a free port of 127.0.0.1, with the database that DATABASE names or a SQLite file
// of its own, and returns its address.
func startCore(t *testing.T) string {
	t.Helper()
	database := os.Getenv("DATABASE")
	if database == "" {
		database = "sqlite:" + filepath.Join(t.TempDir(), "core.db")
	}
	port := freePort(t)
	core := exec.Command(coreBinary(t), "start", "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--database", database)
	core.Dir = t.TempDir()
	core.Stdout, core.Stderr = os.Stderr, os.Stderr
	if err := core.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- core.Wait() }()
	t.Cleanup(func() {
		_ = core.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the core ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			_ = core.Process.Kill()
			t.Error("the core did not stop within 10 seconds")
		}
	})

	uri := fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if response, err := http.Get(uri + "/hello"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return uri
			}
		}
	}
	t.Fatal("the core was not ready after 30 seconds")
	return ""
}

func coreBinary(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("PORTCULLIS_BIN"); named != "" {
		return named
	}
	for _, profile := range []string{"release", "debug"} {
		built, err := filepath.Abs(filepath.Join("../../../target", profile, "portcullis"))
		expect(t, err, nil)
		if _, err := os.Stat(built); err == nil {
			return built
		}
	}
	t.Fatal(`no core to test: set PORTCULLIS_BIN or run "cargo build --release"`)
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
