package outputs

import (
	"os"

	"golang.org/x/sys/unix"
)

// File systems without a name in the package unix.
const (
	lustre = 0x0BD00BD0
	gpfs   = 0x47504653
	beegfs = 0x19830326
	gfs2   = 0x01161970
	panfs  = 0xAAD7AAEA
	vboxsf = 0x786F4256
)

// kindOf says how pages are written to on the file system of an open folder.
func kindOf(dir *os.File) (mapped, synced bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return false, true
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.F2FS_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC:
		// A store into a mapped page whose blocks exist needs no new ones: it cannot fail.
		return true, false
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, lustre, gpfs, beegfs, gfs2, panfs, vboxsf:
		// It is, or may be, on another machine: a write counts once that machine has it.
		return false, true
	}
	return false, false
}
