package moderation

// VolumeSQL is for the test of its plan.
const VolumeSQL = volumeSQL
