// Package shard divides the items of a plan: it finds the shard of a process, balances parts by a weight, and lays folders out in parts.
package shard
