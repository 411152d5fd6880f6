package job

// SelectFlags choose some of a run's items.
type SelectFlags struct{}
