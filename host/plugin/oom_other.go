//go:build !linux

package plugin

func countKills() oomCount { return oomCount{group: -1, machine: -1} }

func addressLimit() uint64 { return 0 }
