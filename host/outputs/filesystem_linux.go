package outputs

import (
	"os"

	"golang.org/x/sys/unix"
)

// On these, a store into a mapped page whose blocks are there needs no new ones: it cannot fail.
var mappable = map[int64]bool{
	0xEF53:     true, // ext2, ext3, ext4
	0x58465342: true, // xfs
	0x01021994: true, // tmpfs
	0x858458F6: true, // ramfs
	0xF2F52010: true, // f2fs
	0x794C7630: true, // overlay
}

// These are, or may be, on another machine: a write counts once that machine has it.
var remote = map[int64]bool{
	0x6969:     true, // nfs
	0x517B:     true, // smb
	0xFF534D42: true, // cifs
	0xFE534D42: true, // smb2
	0x0BD00BD0: true, // lustre
	0x65735546: true, // fuse: sshfs, gcsfuse, virtiofs
	0x00C36400: true, // ceph
	0x47504653: true, // gpfs
	0x19830326: true, // beegfs
	0x01021997: true, // 9p
	0x5346414F: true, // afs
	0x7461636F: true, // ocfs2
	0x01161970: true, // gfs2
	0x73757245: true, // coda
	0xAAD7AAEA: true, // panfs
	0x786F4256: true, // vboxsf
}

// kindOf says how pages are written to on the file system of an open folder.
func kindOf(dir *os.File) (mapped, synced bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return false, true
	}
	magic := int64(uint32(st.Type))
	return mappable[magic], remote[magic]
}
