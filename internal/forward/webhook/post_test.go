package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"guardhouse/internal/audit"
	"guardhouse/internal/forward/outbound"
	"guardhouse/internal/forward/webhook"
)

// receiver answers a webhook's receiver, and a client that may reach it alone.
func receiver(t *testing.T, h http.HandlerFunc) (url string, client *http.Client) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	host, err := outbound.Parse(strings.TrimPrefix(server.URL, "https://"))
	require.NoError(t, err)
	transport := (&outbound.Dialer{Hosts: []outbound.Host{host}}).Transport()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL, outbound.Client(transport)
}

func post(t *testing.T, client *http.Client, url string) error {
	t.Helper()
	return webhook.Post(t.Context(), client, url, []string{"whsec_A"}, time.Now(), body())
}

func body() webhook.Body {
	return webhook.Body{Target: "fwd_1", Delivery: "fwd_1-7-0", Events: []audit.Event{{ID: "evt_1"}}, Checkpoints: []string{}}
}

func TestPostIsSignedAndWhole(t *testing.T) {
	var got []byte
	var header http.Header
	url, client := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		header = r.Header
		if int64(len(got)) != r.ContentLength || r.Method != http.MethodPost || r.URL.Path != "/in" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	require.NoError(t, post(t, client, url+"/in"))
	require.NoError(t, webhook.Check(header.Get(webhook.SignatureHeader), "whsec_A", got, time.Now(), time.Minute))
	require.Equal(t, "fwd_1-7-0", header.Get(webhook.DeliveryHeader))
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.Empty(t, header.Get("Cookie")+header.Get("Authorization")+header.Get("Referer"))
	var b webhook.Body
	require.NoError(t, json.Unmarshal(got, &b))
	require.Equal(t, "evt_1", b.Events[0].ID)
}

// What is not 2xx takes nothing, whatever it is; where it says when to come again, that is handed on.
func TestAnswers(t *testing.T) {
	soon := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		status      int
		retry       string
		least, most time.Duration
	}{
		{200, "", 0, 0},
		{201, "30", 0, 0},
		{204, "", 0, 0},
		{299, "", 0, 0},
		{304, "", 0, 0},
		{400, "", 0, 0},
		{401, "7", 0, 0},
		{404, "", 0, 0},
		{410, "", 0, 0},
		{413, "", 0, 0},
		{500, "9", 0, 0},
		{502, "", 0, 0},
		{429, "", 0, 0},
		{429, "120", 2 * time.Minute, 2 * time.Minute},
		{503, "5", 5 * time.Second, 5 * time.Second},
		{429, soon, 80 * time.Second, 91 * time.Second},
		{429, "-3", 0, 0},
		{429, "soon", 0, 0},
		{429, "1e9", 0, 0},
		{429, "99999999999999999999", 0, 0},
		{429, "9999999999999", 24 * time.Hour, 24 * time.Hour},
		{429, "Mon, 01 Jan 1990 00:00:00 GMT", 0, 0},
	} {
		url, client := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.retry)
			w.WriteHeader(c.status)
		})
		err := post(t, client, url)
		if c.status/100 == 2 {
			require.NoError(t, err, c.status)
			continue
		}
		var status webhook.StatusError
		require.ErrorAs(t, err, &status)
		require.Equal(t, c.status, status.Status)
		require.GreaterOrEqual(t, status.After, c.least, c.retry)
		require.LessOrEqual(t, status.After, c.most, c.retry)
	}
}

// threat P4
func TestRedirectsLeadNowhere(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		asked := 0
		url, client := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			http.Redirect(w, r, "/elsewhere", status)
		})
		var answered webhook.StatusError
		require.ErrorAs(t, post(t, client, url), &answered)
		require.Equal(t, status, answered.Status)
		require.Equal(t, 1, asked)
	}
}

// threat P4: neither a host that is not listed, nor a listed name that leads to the own network.
func TestOnlyListedHostsAreReached(t *testing.T) {
	url, _ := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	port := url[strings.LastIndex(url, ":"):]
	host, err := outbound.Parse("localhost")
	require.NoError(t, err)
	d := &outbound.Dialer{Hosts: []outbound.Host{host}}
	client := outbound.Client(d.Transport())
	require.Error(t, post(t, client, "https://localhost"+port+"/T0KEN"), "the name is listed, its address is this machine's")
	err = post(t, client, url+"/T0KEN")
	require.Error(t, err, "the address is not listed")
	require.NotContains(t, err.Error(), "T0KEN")
}

// threat P4
func TestAnUnknownCertificateIsRefused(t *testing.T) {
	url, _ := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("it was posted to") })
	host, err := outbound.Parse("127.0.0.1")
	require.NoError(t, err)
	client := outbound.Client((&outbound.Dialer{Hosts: []outbound.Host{host}}).Transport())
	err = post(t, client, url+"/T0KEN")
	require.ErrorContains(t, err, "certificate")
	require.NotContains(t, err.Error(), "T0KEN")
}

// An answer that begins with 200 has taken the post, whether or not it ever ends: waiting for the end and posting again would be
// one post more for each wait.
func TestAnAnswerThatNeverEndsCountsByItsStatus(t *testing.T) {
	end := make(chan struct{})
	once := sync.OnceFunc(func() { close(end) })
	for _, status := range []int{200, 503} {
		url, client := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_ = http.NewResponseController(w).Flush()
			<-end
		})
		t.Cleanup(once) // before the server is closed, which waits for its answers
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := webhook.Post(ctx, client, url, []string{"whsec_A"}, time.Now(), body())
		cancel()
		var answered webhook.StatusError
		switch status {
		case 200:
			require.NoError(t, err)
		default:
			require.ErrorAs(t, err, &answered)
		}
	}
}

// An answer that is cut short, or longer than anybody reads, counts by its status too.
func TestAnAnswersBodyIsOfNoMatter(t *testing.T) {
	url, client := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
	})
	require.NoError(t, post(t, client, url))
	url, client = receiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 8<<20) })
	require.NoError(t, post(t, client, url))
}

// A receiver that takes the connection and reads nothing, or reads and says nothing, is left when the time is up.
func TestAReceiverThatSaysNothingIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	host, err := outbound.Parse(l.Addr().String())
	require.NoError(t, err)
	silent := outbound.Client((&outbound.Dialer{Hosts: []outbound.Host{host}}).Transport())
	hung := make(chan struct{})
	url, client := receiver(t, func(http.ResponseWriter, *http.Request) { <-hung })
	t.Cleanup(func() { close(hung) }) // before the server is closed, which waits for its answers
	for _, c := range []struct {
		client *http.Client
		url    string
	}{{silent, "https://" + l.Addr().String()}, {client, url}} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := webhook.Post(ctx, c.client, c.url, []string{"whsec_A"}, time.Now(), body())
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.LessOrEqual(t, client.Timeout, time.Minute, "a worker hands in no deadline of its own")
	require.Positive(t, client.Timeout)
}

// A receiver cannot make the server read headers without end.
func TestAnAnswersHeadersAreBounded(t *testing.T) {
	url, client := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 200 {
			w.Header().Add("X-Long", strings.Repeat("a", 1000))
		}
	})
	err := post(t, client, url)
	require.Error(t, err)
	var status webhook.StatusError
	require.False(t, errors.As(err, &status))
	require.Less(t, len(err.Error()), 500)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
