package crew

import "time"

// clock measures the time of a run, and rings.
type clock struct {
	time  func() time.Time
	began time.Time
	timer *time.Timer
	// set is the time at which the timer rings; 0: never.
	set time.Duration
	// watched and weighed are the times of the last checks of workers.
	watched, weighed time.Duration
}

func newClock(now func() time.Time) clock {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return clock{time: now, began: now(), timer: timer}
}

func (c *clock) now() time.Duration { return c.time().Sub(c.began) }

// ring returns a channel that receives at a time; never for 0.
func (c *clock) ring(at time.Duration) <-chan time.Time {
	if at == 0 {
		return nil
	}
	if at != c.set {
		c.set = at
		c.timer.Reset(at - c.now())
	}
	return c.timer.C
}

// rang must follow a ring.
func (c *clock) rang() { c.set = 0 }

func (c *clock) stop() { c.timer.Stop() }
