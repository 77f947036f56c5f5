package bench

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram makes this test binary a small Guardhouse: what a child sees can be told by a child alone.
const asProgram = "GH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if how := os.Getenv(asProgram); how != "" {
		os.Exit(program(how, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// program answers the exit status of a subcommand. How it fails is asked for.
func program(how string, args []string) int {
	data := args[len(args)-1]
	if args[0] == "serve" {
		data = args[2]
	}
	switch {
	case strings.Join(args[:2], " ") == "user create":
		if how == "no user" {
			fmt.Fprintln(os.Stderr, "guardhouse: the disk is full")
			return 1
		}
	case strings.Join(args[:2], " ") == "model import" && !filepath.IsAbs(args[2]):
		return 1
	case strings.Join(args[:2], " ") == "key create":
		fmt.Println(`{"key":"gh_made"}`)
	case args[0] == "serve":
		return serveAs(how, data)
	}
	return 0
}

func serveAs(how, data string) int {
	if how == "ends" {
		fmt.Fprintln(os.Stderr, "guardhouse: the port is taken")
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			writeString(w, "guardhouse_model_weight_bytes{model=\"a\"} 1.5e+06\nguardhouse_model_weight_bytes{model=\"b\"} 500000\nguardhouse_model_cache_bytes{model=\"a\"} 1024\n")
		case r.Header.Get("Authorization") != "Bearer gh_made":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			// Its own settings travel back as counts of tokens: 1 for each variable that must not be here, 100 for the one that must.
			tokens := 0
			for _, pair := range os.Environ() {
				if pair == "GUARDHOUSE_ENGINE_THREADS=1" {
					tokens += 100
				} else if strings.HasPrefix(pair, "GUARDHOUSE_") {
					tokens++
				}
			}
			writeString(w, fmt.Sprintf(`{"severity":"Safe","timings":{"prompt_tokens":%d}}`, tokens))
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	if err := os.MkdirAll(filepath.Join(data, "tls"), 0o700); err != nil {
		return 1
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(data, "tls", "ca.pem"), ca, 0o600); err != nil {
		return 1
	}
	fmt.Printf("\nGuardhouse serves %s/\n", s.URL)
	<-stop
	if how == "ends badly" {
		fmt.Fprintln(os.Stderr, "guardhouse: the last row was not written")
		return 3
	}
	return 0
}

func ownOptions(t *testing.T, how string) (Options, string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	scratch := t.TempDir()
	return Options{
		API: Moderations, Texts: Generated(1), Clients: []int{2}, Rounds: 1, Requests: 10, Duration: time.Minute, Timeout: 20 * time.Second, MaxTok: 12,
		Self: &Self{
			Program: self, Scratch: scratch, Starts: 2, Set: []string{"engine.threads=1"},
			Environ: append(os.Environ(), asProgram+"="+how, "GUARDHOUSE_LISTEN=:1", "GUARDHOUSE_DATA=/elsewhere"),
		},
	}, scratch
}

func requireGone(t *testing.T, scratch string) {
	t.Helper()
	left, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left, "the folder is gone")
}

func TestOwnServerComesAndGoes(t *testing.T) {
	o, scratch := ownOptions(t, "well")
	r := run(t, o)
	requireGone(t, scratch)
	require.Len(t, r.Start, 2)
	for _, s := range r.Start {
		require.Positive(t, s.FirstVerdict)
		require.EqualValues(t, 2_000_000, s.Memory.Weights, "of all models")
		require.EqualValues(t, 1024, s.Memory.Cache)
		require.Equal(t, s.Memory.Resident-2_001_024, s.Memory.Constant)
		require.Positive(t, s.Memory.Threads)
	}
	require.Positive(t, r.End.Resident)
	require.Positive(t, r.End.File)
	var table bytes.Buffer
	require.NoError(t, r.WriteTable(&table))
	require.Contains(t, table.String(), "First verdict of 2 starts: ")
	require.Contains(t, table.String(), "1.9 weights + 0.0 cache")
	require.Equal(t, 10, r.Summary[0].Verdicts)
	require.Equal(t, 10*100, r.Rounds[0].PromptTokens, "what --set says reaches the server, a person's own settings do not")
	require.Empty(t, r.Settings.URL)
}

func TestOwnServerThatFails(t *testing.T) {
	for how, want := range map[string]string{
		"no user":    "guardhouse user create: the disk is full",
		"ends":       "the server ended at once: guardhouse: the port is taken",
		"ends badly": "the server did not end well (exit status 3): guardhouse: the last row was not written",
	} {
		t.Run(how, func(t *testing.T) {
			o, scratch := ownOptions(t, how)
			o.Self.Starts = 1
			_, err := Run(t.Context(), o)
			require.ErrorContains(t, err, want)
			requireGone(t, scratch)
		})
	}
	o, _ := ownOptions(t, "well")
	o.Self.Program = "/nonexistent"
	_, err := Run(t.Context(), o)
	require.ErrorContains(t, err, "no such file")
	o.Self.Scratch = "/nonexistent"
	_, err = Run(t.Context(), o)
	require.ErrorContains(t, err, "temporary folder")
}

func TestAnInterruptionEndsTheOwnServer(t *testing.T) {
	o, scratch := ownOptions(t, "well")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Rounds = 100
	o.Progress = func(Round) { cancel() }
	r, err := Run(ctx, o)
	require.ErrorContains(t, err, "interrupted")
	require.True(t, r.Interrupted)
	require.NotEmpty(t, r.Rounds)
	requireGone(t, scratch)
}

// Children run in the folder itself: a name that is relative to ours would lead them elsewhere.
func TestRelativeNames(t *testing.T) {
	o, scratch := ownOptions(t, "well")
	t.Chdir(filepath.Dir(scratch))
	o.Self.Scratch, o.Self.GGUF = filepath.Base(scratch), "a guard.gguf"
	o.Texts = Generated(2)
	r := run(t, o)
	require.Equal(t, 10, r.Summary[0].Verdicts)
	requireGone(t, scratch)
}

func TestProcessTimes(t *testing.T) {
	require.Equal(t, 30*time.Millisecond, ticksOf("42 (a ) b) S 1 1 1 0 -1 4194560 1 0 0 0 1 2 7 7 20 0 1 0 100"))
	require.Zero(t, ticksOf("42 (x) S 1"))
	require.Zero(t, ticksOf(""))
	require.EqualValues(t, 3, sumOf("m{a=\"1\"} 1\nm{a=\"2\"} 2\nm_other 9\nmore 9\n", "m"))
	require.Positive(t, ownCPU())
	require.Positive(t, thisMachine().Cores)
}
