package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"guardhouse/internal/fault"
)

// labelDevice is the sub-key that device tokens are signed with.
const labelDevice = "device"

// DeviceLife is how long a device stays known after the last sign-in from it.
const DeviceLife = 90 * 24 * time.Hour

// A device token is base64url of: version, device id, end in Unix seconds, HMAC-SHA-256 over these and the user's id. It is
// no credential: it only says that this user has signed in from there before, so it takes part in no decision but whose
// failures are counted together.
const (
	deviceVersion  = 1
	deviceIDSize   = 12
	deviceHeadSize = 1 + deviceIDSize + 8
	deviceSize     = deviceHeadSize + sha256.Size
	deviceTokenLen = (deviceSize*8 + 5) / 6
)

// deviceID names one browser or program of one user.
type deviceID [deviceIDSize]byte

func newDeviceID() (id deviceID, err error) {
	if _, err := rand.Read(id[:]); err != nil {
		return id, fault.Wrap(err, fault.Internal, "no random bytes for a device")
	}
	return id, nil
}

// deviceToken answers the token that lets userID be known on this device until its life is over.
func (s *Service) deviceToken(userID string, id deviceID) string {
	raw := make([]byte, deviceHeadSize, deviceSize)
	raw[0] = deviceVersion
	copy(raw[1:], id[:])
	binary.BigEndian.PutUint64(raw[1+deviceIDSize:], uint64(s.now().Add(DeviceLife).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(raw, s.deviceMAC(userID, raw)...))
}

// knownDevice answers the device that token names, if it was made here, for this user, and has not ended. An empty userID
// costs the same work and knows no device.
func (s *Service) knownDevice(userID, token string) (id deviceID, known bool) {
	if len(token) != deviceTokenLen {
		return id, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != deviceSize {
		return id, false
	}
	head, mac := raw[:deviceHeadSize], raw[deviceHeadSize:]
	genuine := hmac.Equal(mac, s.deviceMAC(userID, head))
	end := binary.BigEndian.Uint64(head[1+deviceIDSize:])
	if !genuine || userID == "" || head[0] != deviceVersion || end <= uint64(max(s.now().Unix(), 0)) {
		return id, false
	}
	return deviceID(head[1 : 1+deviceIDSize]), true
}

func (s *Service) deviceMAC(userID string, head []byte) []byte {
	mac := hmac.New(sha256.New, s.deviceKey)
	mac.Write(head) // of fixed length, so that nothing can move between it and the id
	mac.Write([]byte(userID))
	return mac.Sum(nil)
}
