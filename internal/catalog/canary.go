package catalog

// CanaryDrift is why a guard is not used that is in memory: it does not answer its canaries as recorded.
const CanaryDrift = "canary_drift"
