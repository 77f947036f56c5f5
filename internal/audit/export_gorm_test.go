package audit

import "gorm.io/gorm"

func dryRun() *gorm.Session { return &gorm.Session{DryRun: true} }
