package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATimeOfTheDay(t *testing.T) {
	for v, want := range map[string]time.Duration{"00:00": 0, "03:00": 3 * time.Hour, "23:59": 23*time.Hour + 59*time.Minute} {
		var c Config
		require.NoError(t, timeOfDay(&c, v), v)
		require.Equal(t, want, c.CanaryAt, v)
	}
	for _, v := range []string{"", "3:00", "24:00", "03:60", "03:00:00", "03:00 ", "noon"} {
		require.Error(t, timeOfDay(&Config{}, v), v)
	}
}
