package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"guardhouse/internal/access"
	"guardhouse/internal/db"
	"guardhouse/internal/fault"
)

const (
	maxIdemKey = 128
	// idemLife: a repeat after a day is a new wish.
	idemLife = 24 * time.Hour
)

func (i *Idempotency) check() error {
	if i != nil && (i.Key == "" || !isLine(i.Key, maxIdemKey)) {
		return fault.New(fault.Invalid, "An Idempotency-Key has 1 to 128 characters.").WithField("Idempotency-Key")
	}
	return nil
}

// claim notes that the key made resource, or refuses: a repeat names what the first made, and nothing of its secret.
func (i *Idempotency) claim(tx *db.Tx, p access.Principal, resource string) error {
	if i == nil {
		return nil
	}
	sum := sha256.Sum256(i.Body)
	row := idempotencyRow{
		Principal: p.Kind + ":" + callerID(p), Route: i.Route, Key: i.Key, BodyHash: hex.EncodeToString(sum[:]),
		ResourceID: resource, CreatedAt: millis(tx.Now()),
	}
	if err := tx.Gorm().Where("created_at < ?", millis(tx.Now().Add(-idemLife))).Delete(&idempotencyRow{}).Error; err != nil {
		return err
	}
	first, ok, err := one[idempotencyRow](tx.Gorm().Where("principal = ? AND route = ? AND key = ?", row.Principal, row.Route, row.Key))
	switch {
	case err != nil:
		return err
	case !ok:
		return tx.Gorm().Create(&row).Error
	case first.BodyHash != row.BodyHash:
		return fault.New(fault.Conflict, "This Idempotency-Key was used for another request.")
	}
	return fault.Newf(fault.Conflict, "This Idempotency-Key already made %s. Its secret was shown then and is not kept.", first.ResourceID)
}
