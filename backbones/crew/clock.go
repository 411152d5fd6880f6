package crew

import "time"

// clock says how long a run has been going on, and rings.
type clock struct {
	time  func() time.Time
	began time.Time
	timer *time.Timer
	// set is when the timer rings; 0: it does not.
	set time.Duration
	// watched and weighed are when the workers were last looked at.
	watched, weighed time.Duration
}

func newClock(now func() time.Time) clock {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return clock{time: now, began: now(), timer: timer}
}

func (c *clock) now() time.Duration { return c.time().Sub(c.began) }

// ring returns a channel on which something comes at the given time; never for 0.
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

// rang takes note that the timer has rung.
func (c *clock) rang() { c.set = 0 }

func (c *clock) stop() { c.timer.Stop() }
