package job

// DebugFlags are about looking for a fault.
type DebugFlags struct {
	Mode string `name:"kg-debug" enum:",on" default:"" placeholder:"on" help:"Log everything, and show tracebacks of failed items. A value is written with =."`
}
