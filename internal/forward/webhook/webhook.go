// Package webhook signs what is posted to other machines and posts it. It may import audit.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"guardhouse/internal/audit"
)

// The headers of a delivery.
const (
	SignatureHeader = "X-Guardhouse-Signature"
	DeliveryHeader  = "X-Guardhouse-Delivery"
)

// secretPrefix tells people and scanners what they have found.
const secretPrefix = "whsec_"

// NewSecret answers a fresh secret.
func NewSecret() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return secretPrefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// Sign answers the signature of a body at a moment: the time, and for each valid secret the HMAC-SHA-256 of time, a point and
// body. A receiver takes it if one of them is right under the secret that it has, and the time is near.
func Sign(secrets []string, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var b strings.Builder
	b.WriteString("t=" + stamp)
	for _, secret := range secrets {
		b.WriteString(",v1=" + hex.EncodeToString(mac(secret, stamp, body)))
	}
	return b.String()
}

func mac(secret, stamp string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(stamp + "."))
	m.Write(body)
	return m.Sum(nil)
}

// Check is what a receiver does: it refuses a signature that no secret made over this body, or that is further than within
// from now.
func Check(header, secret string, body []byte, now time.Time, within time.Duration) error {
	stamp, given, ok := strings.Cut(header, ",")
	stamp, isTime := strings.CutPrefix(stamp, "t=")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if !ok || !isTime || err != nil {
		return errors.New("the signature is malformed")
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > within {
		return errors.New("the signature is old, or the clocks differ")
	}
	for part := range strings.SplitSeq(given, ",") {
		sum, err := hex.DecodeString(strings.TrimPrefix(part, "v1="))
		if err == nil && hmac.Equal(sum, mac(secret, stamp, body)) {
			return nil
		}
	}
	return errors.New("the signature is of another secret or another body")
}

// Body is what is posted. Events stand in their published form, Checkpoints as signed notes.
type Body struct {
	Target      string        `json:"target"`
	Delivery    string        `json:"delivery"`
	Test        bool          `json:"test,omitempty"`
	Events      []audit.Event `json:"events"`
	Checkpoints []string      `json:"checkpoints"`
}

// StatusError is an answer that takes nothing. After is how long the receiver wants to be left alone, zero where it did not say.
type StatusError struct {
	Status int
	After  time.Duration
}

// Error names the status.
func (s StatusError) Error() string { return fmt.Sprintf("the receiver answered %d", s.Status) }

// bare answers an error without the address that the client puts before it: its path may be a secret, and errors are logged.
func bare(err error) error {
	var whole *url.Error
	if errors.As(err, &whole) {
		return whole.Err
	}
	return err
}

// Post posts a body and answers an error unless the receiver took it with a status of 200 to 299, whatever becomes of the rest of
// its answer. Client must follow no redirect.
func Post(ctx context.Context, client *http.Client, to string, secrets []string, now time.Time, b Body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(raw))
	if err != nil {
		return bare(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Guardhouse")
	req.Header.Set(DeliveryHeader, b.Delivery)
	req.Header.Set(SignatureHeader, Sign(secrets, now, raw))
	resp, err := client.Do(req)
	if err != nil {
		return bare(err)
	}
	// What it says is nobody's business; a little is read, for a moment, so that the connection can be used again.
	enough := time.AfterFunc(answerWithin, cancel)
	defer enough.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, 16<<10)
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return StatusError{resp.StatusCode, retryAfter(resp, now)}
	}
	return nil
}

// answerWithin is how long the body of an answer may take: its status has said everything by then.
const answerWithin = time.Second

// mostAfter bounds what a receiver may ask for.
const mostAfter = 24 * time.Hour

// retryAfter answers how long a receiver that is busy wants to be left alone (RFC 9110, 10.2.3), zero where it does not say.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	said := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(said, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(mostAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(said)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), mostAfter)
}
