package job

// SourceFlags are where a run's items come from.
type SourceFlags struct{}
